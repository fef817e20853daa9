import { expect, test } from 'vitest'
import type { Pod } from '../../api/core/v1.ts'
import { container, pod, run, runtime, sandbox } from '../../test/fixtures/kubelet-pod.ts'
import type { RuntimePod } from '../runtime/runtime-pod.ts'
import { type BackoffEntry, nextBackoff } from './backoff.ts'
import { hasEnded, type PodAction, type ProbeState, planPod } from './plan.ts'

const exited = (name: string, exitCode: number, more = {}) => run(name, { phase: 'exited', exitCode, ...more })
const inits = (...names: string[]) => names.map((name) => container(name))
const sidecar = container('side', { restartPolicy: 'Always' })
const never = { restartPolicy: 'Never' }

function show(action: PodAction): string {
  switch (action.type) {
    case 'createSandbox':
      return `sandbox ${action.attempt}`
    case 'startContainer':
      return `start ${action.container.name} ${action.restartCount}`
    case 'killContainer':
      return `kill ${action.id} ${action.reason}`
    case 'stopPod':
      return 'stop'
  }
}
function plan(
  one: Pod,
  state: RuntimePod,
  more: { nowMs?: number; backoffs?: Map<string, BackoffEntry>; probes?: Map<string, ProbeState> } = {},
) {
  return planPod({ pod: one, runtime: state, nowMs: 4000, backoffs: new Map(), probes: new Map(), ...more })
}

const two = { containers: inits('a', 'b') }
const table: readonly { name: string; pod: Pod; runtime: RuntimePod; want: readonly string[] }[] = [
  { name: 'makes a sandbox first', pod: pod(), runtime: runtime([], []), want: ['sandbox 0'] },
  {
    name: 'starts all app containers side by side',
    pod: pod(two),
    runtime: runtime(),
    want: ['start a 0', 'start b 0'],
  },
  { name: 'does nothing while everything runs', pod: pod(), runtime: runtime([run('c')]), want: [] },
  { name: 'starts only what is missing', pod: pod(two), runtime: runtime([run('a')]), want: ['start b 0'] },
  { name: 'starts an ended container again', pod: pod(), runtime: runtime([exited('c', 0)]), want: ['start c 1'] },
  {
    name: 'leaves a succeeded container under OnFailure and ends the pod',
    pod: pod({ restartPolicy: 'OnFailure' }),
    runtime: runtime([exited('c', 0)]),
    want: ['stop'],
  },
  {
    name: 'starts a failed container again under OnFailure',
    pod: pod({ restartPolicy: 'OnFailure' }),
    runtime: runtime([exited('c', 1)]),
    want: ['start c 1'],
  },
  { name: 'never restarts under Never', pod: pod(never), runtime: runtime([exited('c', 1)]), want: ['stop'] },
  {
    name: 'waits for the rest of the pod under Never',
    pod: pod({ ...never, ...two }),
    runtime: runtime([exited('a', 1), run('b')]),
    want: [],
  },
  {
    name: 'replaces a dead sandbox and what was in it',
    pod: pod(),
    runtime: runtime([run('c')], [sandbox({ ready: false, attempt: 2 })]),
    want: ['stop', 'sandbox 3'],
  },
  {
    name: 'makes no new sandbox for a pod that has ended',
    pod: pod(never),
    runtime: runtime([exited('c', 0)], [sandbox({ ready: false })]),
    want: [],
  },
  {
    name: 'replaces a sandbox without an address',
    pod: pod(),
    runtime: runtime([], [sandbox({ ips: [] })]),
    want: ['stop', 'sandbox 1'],
  },
  {
    name: 'needs no address on the network of the node',
    pod: pod({ hostNetwork: true }),
    runtime: runtime([], [sandbox({ ips: [], hostNetwork: true })]),
    want: ['start c 0'],
  },
  {
    name: 'starts the first init container alone',
    pod: pod({ initContainers: inits('i', 'j') }),
    runtime: runtime(),
    want: ['start i 0'],
  },
  {
    name: 'waits for a running init container',
    pod: pod({ initContainers: inits('i', 'j') }),
    runtime: runtime([run('i')]),
    want: [],
  },
  {
    name: 'goes on to the next init container',
    pod: pod({ initContainers: inits('i', 'j') }),
    runtime: runtime([exited('i', 0)]),
    want: ['start j 0'],
  },
  {
    name: 'repeats a failed init container',
    pod: pod({ initContainers: inits('i') }),
    runtime: runtime([exited('i', 1)]),
    want: ['start i 1'],
  },
  {
    name: 'ends the pod when an init container failed under Never',
    pod: pod({ ...never, initContainers: inits('i') }),
    runtime: runtime([exited('i', 1)]),
    want: ['stop'],
  },
  {
    name: 'starts the app when all init containers are done',
    pod: pod({ initContainers: inits('i') }),
    runtime: runtime([exited('i', 0)]),
    want: ['start c 0'],
  },
  {
    name: 'runs init containers again in a new sandbox',
    pod: pod({ initContainers: inits('i') }),
    runtime: runtime([exited('i', 0, { createdAtMs: 500 })], [sandbox({ createdAtMs: 1000 })]),
    want: ['start i 1'],
  },
  {
    name: 'does not initialize again once the app has run',
    pod: pod({ initContainers: inits('i') }),
    runtime: runtime([run('c')]),
    want: [],
  },
  {
    name: 'starts a sidecar and waits for it before the next init container',
    pod: pod({ initContainers: [sidecar, container('i')] }),
    runtime: runtime(),
    want: ['start side 0'],
  },
  {
    name: 'goes on beside a running sidecar',
    pod: pod({ initContainers: [sidecar, container('i')] }),
    runtime: runtime([run('side')]),
    want: ['start i 0'],
  },
  {
    name: 'starts a dead sidecar again beside the running app',
    pod: pod({ initContainers: [sidecar] }),
    runtime: runtime([run('c'), exited('side', 1)]),
    want: ['start side 1'],
  },
  {
    name: 'stops the sidecars of a pod whose app has ended',
    pod: pod({ ...never, initContainers: [sidecar] }),
    runtime: runtime([run('side'), exited('c', 0)]),
    want: ['stop'],
  },
  {
    name: 'replaces a container whose image changed',
    pod: pod({ containers: [container('c', { image: 'other' })] }),
    runtime: runtime([run('c')]),
    want: ['kill c-id definitionChanged'],
  },
  {
    name: 'starts what a killed kubelet only created',
    pod: pod(never),
    runtime: runtime([run('c', { phase: 'created' })]),
    want: ['start c 1'],
  },
  {
    name: 'kills what the runtime has lost sight of',
    pod: pod(),
    runtime: runtime([run('c', { phase: 'unknown' })]),
    want: ['kill c-id unknownState'],
  },
  {
    name: 'starts an ephemeral container once',
    pod: pod({ ephemeralContainers: [{ ...container('debug') }] }),
    runtime: runtime([run('c')]),
    want: ['start debug 0'],
  },
  {
    name: 'leaves an ended ephemeral container',
    pod: pod({ ephemeralContainers: [{ ...container('debug') }] }),
    runtime: runtime([run('c'), exited('debug', 0)]),
    want: [],
  },
]
for (const { name, pod: one, runtime: state, want } of table) {
  test(`planPod() ${name}`, () => {
    expect(plan(one, state).actions.map(show)).toEqual(want)
  })
}

const healthy: ProbeState = { liveness: 'success', startup: 'success', readiness: 'success' }

test('planPod() kills what failed its liveness probe', () => {
  const probes = new Map([['c-id', { ...healthy, liveness: 'failure' as const }]])
  expect(plan(pod(), runtime([run('c')]), { probes }).actions).toMatchObject([
    { type: 'killContainer', reason: 'livenessProbe', message: 'Container c failed liveness probe, will be restarted' },
  ])
})

test('planPod() holds the app back until a sidecar has passed its startup probe', () => {
  const probed = container('side', { restartPolicy: 'Always', startupProbe: {} })
  const one = pod({ initContainers: [probed] })
  expect(plan(one, runtime([run('side')])).actions).toEqual([])
  const probes = new Map([['side-id', healthy]])
  expect(plan(one, runtime([run('side')]), { probes }).actions.map(show)).toEqual(['start c 0'])
})

test('planPod() lets a container wait for its back-off and says until when', () => {
  const state = runtime([exited('c', 1, { finishedAtMs: 10_000, restartCount: 1 })])
  const backoffs = new Map([['c', nextBackoff(undefined, 5_000, 5_000)]])
  const waiting = plan(pod(), state, { nowMs: 12_000, backoffs })
  expect(waiting.actions).toEqual([])
  expect(waiting.requeueAtMs).toBe(20_000)
  expect(waiting.waiting.get('c')).toEqual({
    reason: 'CrashLoopBackOff',
    message: 'back-off 10s restarting failed container=c pod=web_default(u1)',
  })
  expect(plan(pod(), state, { nowMs: 20_000, backoffs }).actions.map(show)).toEqual(['start c 2'])
})

const ends: readonly { name: string; pod: Pod; runtime: RuntimePod; want: boolean }[] = [
  { name: 'no container ran yet', pod: pod(never), runtime: runtime(), want: false },
  { name: 'a container runs', pod: pod(never), runtime: runtime([run('c')]), want: false },
  { name: 'all ended under Never', pod: pod(never), runtime: runtime([exited('c', 1)]), want: true },
  { name: 'it will be restarted', pod: pod(), runtime: runtime([exited('c', 0)]), want: false },
  {
    name: 'an init container failed for good',
    pod: pod({ ...never, initContainers: inits('i') }),
    runtime: runtime([exited('i', 1)]),
    want: true,
  },
]
for (const { name, pod: one, runtime: state, want } of ends) {
  test(`hasEnded() is ${want} when ${name}`, () => {
    expect(hasEnded(one, state)).toBe(want)
  })
}
