import { expect, test } from 'vitest'
import type { Pod } from '../../api/core/v1.ts'
import { container, pod, run, runtime, sandbox } from '../../test/fixtures/kubelet-pod.ts'
import type { RuntimePod } from '../runtime/runtime-pod.ts'
import { podStatus, type StatusObserved } from './status.ts'
import { statusPatch } from './status-writer.ts'

const status = (one: Pod, state: RuntimePod, more: Partial<StatusObserved> = {}) =>
  podStatus({
    pod: one,
    runtime: state,
    nowMs: Date.parse('2026-01-01T00:01:00Z'),
    hostIps: ['172.16.0.1'],
    probes: new Map(),
    waiting: new Map(),
    ended: false,
    ...more,
  })
const exited = (name: string, exitCode: number, more = {}) => run(name, { phase: 'exited', exitCode, ...more })
const never = { restartPolicy: 'Never' }
const conditionOf = (result: ReturnType<typeof status>, type: string) =>
  (result.conditions ?? []).find((one) => one.type === type)

const phases: readonly { name: string; pod: Pod; runtime: RuntimePod; ended?: boolean; want: string }[] = [
  { name: 'nothing has started', pod: pod(), runtime: runtime([], []), want: 'Pending' },
  { name: 'a container runs', pod: pod(), runtime: runtime([run('c')]), want: 'Running' },
  {
    name: 'one of two has not started',
    pod: pod({ containers: [container('a'), container('b')] }),
    runtime: runtime([run('a')]),
    want: 'Pending',
  },
  {
    name: 'the container ended and will be restarted',
    pod: pod(),
    runtime: runtime([exited('c', 1)]),
    want: 'Running',
  },
  { name: 'all succeeded', pod: pod(never), runtime: runtime([exited('c', 0)]), want: 'Succeeded' },
  { name: 'one failed under Never', pod: pod(never), runtime: runtime([exited('c', 2)]), want: 'Failed' },
  {
    name: 'one failed under OnFailure',
    pod: pod({ restartPolicy: 'OnFailure' }),
    runtime: runtime([exited('c', 2)]),
    want: 'Running',
  },
  {
    name: 'an init container runs',
    pod: pod({ initContainers: [container('i')] }),
    runtime: runtime([run('i')]),
    want: 'Pending',
  },
  {
    name: 'an init container failed under Never',
    pod: pod({ ...never, initContainers: [container('i')] }),
    runtime: runtime([exited('i', 1)]),
    want: 'Failed',
  },
  { name: 'a deleted pod was killed', pod: pod(), runtime: runtime([exited('c', 137)]), ended: true, want: 'Failed' },
  { name: 'a deleted pod went well', pod: pod(), runtime: runtime([exited('c', 0)]), ended: true, want: 'Succeeded' },
  { name: 'it was Failed before', pod: pod({}, {}, { phase: 'Failed' }), runtime: runtime([run('c')]), want: 'Failed' },
]
for (const { name, pod: one, runtime: state, ended = false, want } of phases) {
  test(`podStatus() is ${want} when ${name}`, () => {
    expect(status(one, state, { ended }).phase).toBe(want)
  })
}

test('podStatus() of a running pod is Ready in all five conditions', () => {
  const result = status(pod({}, { generation: 3 }), runtime([run('c')]))
  expect(result.conditions?.map(({ type, status: value }) => `${type}=${value}`)).toEqual([
    'PodReadyToStartContainers=True',
    'Initialized=True',
    'Ready=True',
    'ContainersReady=True',
    'PodScheduled=True',
  ])
  expect(result).toMatchObject({
    observedGeneration: 3,
    podIP: '10.0.0.9',
    podIPs: [{ ip: '10.0.0.9' }],
    hostIP: '172.16.0.1',
    qosClass: 'BestEffort',
    startTime: '2026-01-01T00:01:00Z',
  })
  expect(result.containerStatuses?.[0]).toMatchObject({
    containerID: 'containerd://c-id',
    ready: true,
    started: true,
    state: { running: { startedAt: '1970-01-01T00:00:02Z' } },
  })
})

test('podStatus() reports the resources of a container that was made', () => {
  const requests = { cpu: '100m' }
  const one = pod({ containers: [container('c', { resources: { requests } })] })
  const result = status(one, runtime([run('c')]))
  expect(result.containerStatuses?.[0]).toMatchObject({ allocatedResources: requests, resources: { requests } })
  expect(status(one, runtime()).containerStatuses?.[0]?.resources).toBeUndefined()
})

test('podStatus() keeps the time of a condition that did not change', () => {
  const old = [{ type: 'Initialized', status: 'True', lastTransitionTime: '2025-01-01T00:00:00Z' }]
  const result = status(pod({}, {}, { conditions: old }), runtime([run('c')]))
  expect(conditionOf(result, 'Initialized')?.lastTransitionTime).toBe('2025-01-01T00:00:00Z')
  expect(conditionOf(result, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:01:00Z')
})

test('podStatus() shows ContainerCreating, or PodInitializing behind init containers', () => {
  const plain = status(pod(), runtime([], []))
  expect(plain.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'ContainerCreating' } })
  const behind = status(pod({ initContainers: [container('i')] }), runtime([run('i')]))
  expect(behind.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'PodInitializing' } })
  expect(conditionOf(behind, 'Initialized')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: 'containers with incomplete status: [i]',
  })
})

test('podStatus() moves the last run to lastState while the container waits for its back-off', () => {
  const waiting = new Map([['c', { reason: 'CrashLoopBackOff', message: 'back-off' }]])
  const result = status(pod(), runtime([exited('c', 7, { restartCount: 3 })]), { waiting })
  expect(result.containerStatuses?.[0]).toMatchObject({
    ready: false,
    restartCount: 3,
    state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
    lastState: { terminated: { exitCode: 7, reason: 'Error' } },
  })
})

test('podStatus() shows the run before the current one as lastState', () => {
  const result = status(pod(), runtime([run('c', { restartCount: 1 }), exited('c', 1, { id: 'old' })]))
  expect(result.containerStatuses?.[0]?.lastState).toMatchObject({ terminated: { containerID: 'containerd://old' } })
})

test('podStatus() is unready until the probe has passed, and keeps its word over a restart of the kubelet', () => {
  const probed = { containers: [container('c', { readinessProbe: {} })] }
  const fresh = status(pod(probed), runtime([run('c')]))
  expect(conditionOf(fresh, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ContainersNotReady',
    message: 'containers with unready status: [c]',
  })
  const before = status(pod(probed), runtime([run('c')]), {
    probes: new Map([['c-id', { startup: 'success', liveness: 'success', readiness: 'success' }]]),
  })
  const restarted = status(pod(probed, {}, before), runtime([run('c')]))
  expect(conditionOf(restarted, 'Ready')?.status).toBe('True')
})

test('podStatus() waits for readiness gates', () => {
  const gated = { readinessGates: [{ conditionType: 'example.com/ok' }] }
  expect(conditionOf(status(pod(gated), runtime([run('c')])), 'Ready')).toMatchObject({
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: 'corresponding condition of pod readiness gate "example.com/ok" does not exist.',
  })
  const conditions = [{ type: 'example.com/ok', status: 'True' }]
  const open = status(pod(gated, {}, { conditions }), runtime([run('c')]))
  expect(conditionOf(open, 'Ready')?.status).toBe('True')
  expect(conditionOf(open, 'example.com/ok')?.status).toBe('True')
})

test('podStatus() says PodCompleted of an ended pod', () => {
  const result = status(pod(never), runtime([exited('c', 0)], [sandbox({ ready: false })]))
  expect(conditionOf(result, 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' })
  expect(conditionOf(result, 'Initialized')).toMatchObject({ status: 'True', reason: 'PodCompleted' })
  expect(conditionOf(result, 'PodReadyToStartContainers')?.status).toBe('False')
})

test('podStatus() does not forget a run that the runtime lost', () => {
  const before = status(pod(), runtime([run('c')]))
  const lost = status(pod({}, { deletionTimestamp: '2026-01-01T00:00:00Z' }, before), runtime([], []), { ended: true })
  expect(lost.containerStatuses?.[0]?.state.terminated).toMatchObject({
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
  })
})

test('statusPatch() deletes what vanished and replaces lists of addresses', () => {
  const before = { phase: 'Running', reason: 'Old', podIPs: [{ ip: '1.1.1.1' }] }
  const after = { phase: 'Running', podIPs: [{ ip: '2.2.2.2' }], conditions: [{ type: 'Ready', status: 'True' }] }
  expect(statusPatch(before, after)).toEqual({
    phase: 'Running',
    reason: null,
    podIPs: [{ $patch: 'replace' }, { ip: '2.2.2.2' }],
    conditions: [{ type: 'Ready', status: 'True', reason: null, message: null }],
  })
})
