import { expect, test } from 'vitest'
import type { Container, ContainerStatus, Pod } from '../../api/core/v1.ts'
import { container, pod, run, runtime } from '../../test/fixtures/kubelet-pod.ts'
import type { RuntimeContainer } from '../runtime/runtime-pod.ts'
import { allocatedPod, isGranted, reportedAllocation, wantedAllocation } from './allocation.ts'
import { podConditions } from './conditions.ts'
import { planPod } from './plan.ts'
import {
  byResizeOrder,
  isResizing,
  needsRestart,
  planResizes,
  type ResizeCandidate,
  resizeConditions,
  resizeMessage,
  resizeStateOf,
} from './resize.ts'
import { resourcesFromRuntime } from './resources.ts'
import { podStatus } from './status.ts'
import { statusPatch } from './status-writer.ts'

const given = (cpu: string, memory: string) => ({ cpu, memory })
const guaranteed = (cpu: string, memory: string): Partial<Container> => ({
  resources: { requests: given(cpu, memory), limits: given(cpu, memory) },
})
const mi = 1024 * 1024
const has = (milli: number, mebi: number): Partial<RuntimeContainer> => ({
  resources: {
    cpuShares: Math.floor((milli * 1024) / 1000),
    cpuQuota: milli * 100,
    memoryLimitBytes: mebi * mi,
  },
})
const one = (more: Partial<Container>): Pod => pod({ containers: [container('c', more)] })

test.each<{ name: string; pod: Pod; run: RuntimeContainer; want: object[] }>([
  { name: 'nothing to do', pod: one(guaranteed('20m', '20Mi')), run: run('c', has(20, 20)), want: [] },
  { name: 'more of both', pod: one(guaranteed('30m', '30Mi')), run: run('c', has(20, 20)), want: [{ id: 'c-id' }] },
  {
    name: 'less memory is to be looked at first',
    pod: one(guaranteed('20m', '10Mi')),
    run: run('c', has(20, 20)),
    want: [{ id: 'c-id', memoryLimitBytes: 10 * mi }],
  },
  {
    name: 'a memory limit where there was none',
    pod: one({ resources: { limits: { memory: '30Mi' } } }),
    run: run('c', { resources: { cpuShares: 2, cpuQuota: 0, memoryLimitBytes: 0 } }),
    want: [{ id: 'c-id', memoryLimitBytes: 30 * mi }],
  },
  {
    name: 'amounts that are the same for the kernel',
    pod: one({ resources: { requests: { cpu: '1m' }, limits: { cpu: '5m' } } }),
    run: run('c', { resources: { cpuShares: 2, cpuQuota: 1000, memoryLimitBytes: 0 } }),
    want: [],
  },
  {
    name: 'a container that has ended',
    pod: one(guaranteed('30m', '30Mi')),
    run: run('c', { phase: 'exited', ...has(20, 20) }),
    want: [],
  },
  { name: 'a runtime that does not tell', pod: one(guaranteed('30m', '30Mi')), run: run('c'), want: [] },
])('planResizes() compares what was granted with what the runtime has: $name', ({ pod: asked, run: running, want }) => {
  const found = planResizes(asked, runtime([running]))
  expect(found.map(({ container: _, ...rest }) => rest)).toEqual(want)
  expect(isResizing(asked, runtime([running]))).toBe(want.length > 0)
})

test('planResizes() looks at sidecars and leaves init and ephemeral containers alone', () => {
  const init = container('i', guaranteed('30m', '30Mi'))
  const asked = pod({
    initContainers: [init, { ...init, name: 's', restartPolicy: 'Always' }],
    ephemeralContainers: [{ ...init, name: 'e' }],
  })
  const runs = ['i', 's', 'e'].map((name) => run(name, has(20, 20)))
  expect(planResizes(asked, runtime(runs)).map(({ id }) => id)).toEqual(['s-id'])
})

const restarts = (resourceName: string): Partial<Container> => ({
  resizePolicy: [{ resourceName, restartPolicy: 'RestartContainer' }],
})
test.each([
  { name: 'no policy', more: {}, was: given('10m', '20Mi'), want: false },
  { name: 'the resource that changed', more: restarts('cpu'), was: given('10m', '20Mi'), want: true },
  { name: 'another resource', more: restarts('memory'), was: given('10m', '20Mi'), want: false },
  { name: 'other words for the same', more: restarts('cpu'), was: given('0.02', '20Mi'), want: false },
])('needsRestart() follows the resize policy: $name', ({ more, was, want }) => {
  const asked = container('c', { ...guaranteed('20m', '20Mi'), ...more })
  expect(needsRestart(asked, { granted: { requests: was, limits: was } })).toBe(want)
  expect(needsRestart(asked, {})).toBe(false)
})

test('planPod() ends a container whose resize wants a restart and starts it at once, without back-off', () => {
  const asked = pod({
    restartPolicy: 'OnFailure',
    containers: [container('c', { ...guaranteed('20m', '20Mi'), ...restarts('memory') })],
  })
  const was = { granted: { requests: given('20m', '10Mi') } }
  const plan = planPod({
    pod: asked,
    runtime: runtime([run('c', { ...was, restartCount: 3 })]),
    nowMs: 4000,
    backoffs: new Map([['c', { delayMs: 300_000, updatedAtMs: 3999 }]]),
    probes: new Map(),
  })
  expect(plan.actions).toMatchObject([
    { type: 'killContainer', reason: 'resized', message: 'Container c resize requires restart' },
    { type: 'startContainer', restartCount: 4 },
  ])
  expect(plan.waiting.size).toBe(0)
})

const statusOf = (more: Partial<ContainerStatus>): Partial<Pod['status']> => ({
  containerStatuses: [
    {
      name: 'c',
      image: '',
      imageID: '',
      ready: true,
      restartCount: 0,
      state: {},
      lastState: {},
      containerID: 'containerd://1',
      ...more,
    },
  ],
})
test('reportedAllocation() reads from the status what was granted, and from the spec where the status tells nothing', () => {
  const asked = guaranteed('40m', '40Mi')
  const told = { allocatedResources: given('20m', '20Mi'), resources: { limits: given('30m', '30Mi') } }
  const before = { ...one(asked), status: { phase: 'Running', ...statusOf(told) } }
  expect(reportedAllocation(before).get('c')).toEqual({
    requests: given('20m', '20Mi'),
    limits: given('30m', '30Mi'),
  })
  expect(reportedAllocation(one(asked)).get('c')).toEqual(asked.resources)
})

test('allocatedPod() runs what was granted, not what is asked for', () => {
  const asked = one(guaranteed('40m', '40Mi'))
  const granted = wantedAllocation(one(guaranteed('20m', '20Mi')))
  expect(isGranted(asked, granted)).toBe(false)
  expect(allocatedPod(asked, granted).spec.containers[0]?.resources.limits).toEqual(given('20m', '20Mi'))
  const same = wantedAllocation(one(guaranteed('0.04', '41943040')))
  expect(isGranted(asked, same)).toBe(true)
  expect(allocatedPod(asked, same)).toBe(asked)
})

test.each([
  { name: 'the kernel’s amounts', cpuShares: 20, cpuQuota: 3000, want: ['20m', '30m'] },
  {
    name: 'what was granted, where the kernel cannot tell less apart',
    cpuShares: 2,
    cpuQuota: 1000,
    want: ['1m', '5m'],
  },
])('resourcesFromRuntime() gives $name', ({ cpuShares, cpuQuota, want }) => {
  const granted = { requests: { cpu: '1m' }, limits: { cpu: '5m', memory: '20Mi' } }
  const { requests, limits } = resourcesFromRuntime(granted, { cpuShares, cpuQuota, memoryLimitBytes: 10 * mi })
  expect([requests?.['cpu'], limits?.['cpu'], limits?.['memory']]).toEqual([...want, '10Mi'])
})

test('podStatus() shows what a container has beside what it was granted, and both conditions while they hold', () => {
  const asked = one(guaranteed('30m', '30Mi'))
  const resize = { pending: { reason: 'Deferred', message: 'no room', generation: 3 }, inProgress: { generation: 2 } }
  const facts = { hostIps: [], probes: new Map(), waiting: new Map(), ended: false, nowMs: 0 }
  const status = podStatus({ pod: asked, runtime: runtime([run('c', has(20, 20))]), resize, ...facts })
  expect(status.containerStatuses?.[0]).toMatchObject({
    allocatedResources: given('30m', '30Mi'),
    resources: { requests: given('20m', '30Mi'), limits: given('20m', '20Mi') },
  })
  expect(status.conditions?.slice(0, 2)).toMatchObject([
    { type: 'PodResizePending', status: 'True', reason: 'Deferred', message: 'no room', observedGeneration: 3 },
    { type: 'PodResizeInProgress', status: 'True', observedGeneration: 2 },
  ])
  expect(resizeStateOf({ ...asked, status })).toEqual(resize)
  const done = podStatus({ pod: { ...asked, status }, runtime: runtime([run('c', has(30, 30))]), ...facts })
  expect(done.conditions?.map(({ type }) => type)).not.toContain('PodResizePending')
  expect(statusPatch(status, done)['conditions']).toContainEqual({ type: 'PodResizeInProgress', $patch: 'delete' })
})

test('statusPatch() leaves conditions of others alone that it has not heard of', () => {
  const foreign = { type: 'example.com/ok', status: 'True', lastProbeTime: null, lastTransitionTime: null }
  const before = { phase: 'Running', conditions: [foreign] }
  expect(statusPatch(before, { phase: 'Running', conditions: [] })['conditions']).toEqual([])
})

test('resizeConditions() keep their time while the reason stays', () => {
  const state = { pending: { reason: 'Deferred', message: 'later', generation: 4 } }
  const [old] = resizeConditions({ pending: { ...state.pending, message: 'now' } }, [], 1000)
  const kept = resizeConditions(state, old === undefined ? [] : [old], 9000)
  expect(kept).toMatchObject([{ lastTransitionTime: '1970-01-01T00:00:01Z', message: 'later' }])
  const facts = { phase: 'Running', init: [], app: [], sandboxReady: true, nowMs: 0 }
  const ended = podConditions({ pod: pod({}, {}, { conditions: kept }), resize: {}, ...facts })
  expect(ended.map(({ type }) => type)).not.toContain('PodResizePending')
})

test('resizeMessage() lists every container as upstream does', () => {
  const asked = pod({
    initContainers: [container('i', { resources: { requests: { cpu: '1' } } })],
    containers: [container('c', { resources: { limits: { memory: '1Gi', cpu: '2' } } })],
  })
  expect(resizeMessage('error', asked, 7, 'why')).toBe(
    'Pod resize error: {"initContainers":[{"name":"i","resources":{"requests":{"cpu":"1"}}}],' +
      '"containers":[{"name":"c","resources":{"limits":{"cpu":"2","memory":"1Gi"}}}],"generation":7,"error":"why"}',
  )
})

test('byResizeOrder() asks first for what shrinks, then by priority, class and time', () => {
  const base: ResizeCandidate = { grows: true, priority: 0, isGuaranteed: false, waitingSinceMs: 5 }
  const names: readonly (readonly [string, ResizeCandidate])[] = [
    ['late', { ...base, waitingSinceMs: 9 }],
    ['early', base],
    ['guaranteed', { ...base, isGuaranteed: true }],
    ['important', { ...base, priority: 1 }],
    ['shrinks', { ...base, grows: false, waitingSinceMs: 9 }],
  ]
  const order = names.toSorted(([, a], [, b]) => byResizeOrder(a, b)).map(([name]) => name)
  expect(order).toEqual(['shrinks', 'important', 'guaranteed', 'early', 'late'])
})
