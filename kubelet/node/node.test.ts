import { expect, test } from 'vitest'
import { container, pod } from '../../test/fixtures/kubelet-pod.ts'
import { extendedResources, nodeAllocatable } from './capacity.ts'
import { nodeConditions } from './conditions.ts'
import { changedConditionReasons } from './events.ts'
import { evictionMessage, isEvictable, pressureOf, rankForMemory, shortages } from './eviction.ts'
import { noPressure } from './health.ts'
import { isSameStatus, nodeLabels } from './registration.ts'
import { parseThresholds } from './thresholds.ts'

const nowMs = Date.parse('2026-01-01T00:00:00Z')

test('nodeConditions() says that all is well', () => {
  expect(
    nodeConditions({ pressure: noPressure, problems: [] }, [], nowMs).map(({ type, status, reason }) => [
      type,
      status,
      reason,
    ]),
  ).toEqual([
    ['MemoryPressure', 'False', 'KubeletHasSufficientMemory'],
    ['DiskPressure', 'False', 'KubeletHasNoDiskPressure'],
    ['PIDPressure', 'False', 'KubeletHasSufficientPID'],
    ['Ready', 'True', 'KubeletReady'],
  ])
})

test('nodeConditions() names the problem and keeps the conditions of others', () => {
  const old = [{ type: 'NetworkUnavailable', status: 'False' }]
  const problem =
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no plugin'
  const made = nodeConditions({ pressure: { ...noPressure, memory: true }, problems: [problem] }, old, nowMs)
  expect(made[0]).toEqual(old[0])
  expect(made.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'False',
    reason: 'KubeletNotReady',
    message: problem,
  })
  expect(made.find(({ type }) => type === 'MemoryPressure')).toMatchObject({ status: 'True' })
})

test('isSameStatus() sees no change in a heartbeat', () => {
  const at = (time: string, status = 'True') => ({
    daemonEndpoints: { kubeletEndpoint: { Port: 1 } },
    conditions: [{ type: 'Ready', status, lastHeartbeatTime: time }],
    nodeInfo: {} as never,
  })
  expect(isSameStatus(at('a'), at('b'))).toBe(true)
  expect(isSameStatus(at('a'), at('a', 'False'))).toBe(false)
})

test('nodeLabels() says what the node is, in old and new words', () => {
  expect(nodeLabels('n1', 'amd64')).toEqual({
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': 'n1',
    'kubernetes.io/os': 'linux',
  })
})

test('nodeAllocatable() leaves out what is reserved and what eviction keeps free', () => {
  const capacity = { cpu: '4', memory: `${1024 * 1024}Ki`, 'ephemeral-storage': '1000Ki', pods: '110' }
  const hard = parseThresholds({ 'memory.available': '100Mi', 'nodefs.available': '10%' })
  if (typeof hard === 'string') throw new Error(hard)
  expect(nodeAllocatable(capacity, { cpu: '500m', memory: '24Mi' }, hard)).toEqual({
    cpu: '3500m',
    memory: `${(1024 - 124) * 1024}Ki`,
    'ephemeral-storage': '921600',
    pods: '110',
  })
})

test('extendedResources() is what others have said that the node has', () => {
  const capacity = { cpu: '4', pods: '110', 'hugepages-2Mi': '0', 'example.com/gpu': '2' }
  expect(extendedResources({ capacity })).toEqual({ 'example.com/gpu': '2' })
  expect(extendedResources({})).toEqual({})
})

test('parseThresholds() reads amounts and shares, and refuses what it does not know', () => {
  expect(parseThresholds({ 'memory.available': '100Mi', 'nodefs.available': '5%', 'pid.available': '0%' })).toEqual([
    { signal: 'memory.available', amount: 104_857_600, share: undefined },
    { signal: 'nodefs.available', amount: undefined, share: 0.05 },
  ])
  expect(parseThresholds({ 'moon.available': '1' })).toContain('moon.available is unknown')
  expect(parseThresholds({ 'memory.available': 'x' })).toContain('x is neither')
})

test('shortages() lists memory first and pressureOf() names the conditions', () => {
  const thresholds = parseThresholds({ 'nodefs.available': '10%', 'memory.available': '100' })
  if (typeof thresholds === 'string') throw new Error(thresholds)
  const found = shortages(thresholds, {
    'memory.available': { available: 99, capacity: 1000 },
    'nodefs.available': { available: 99, capacity: 1000 },
  })
  expect(found.map(({ signal }) => signal)).toEqual(['memory.available', 'nodefs.available'])
  expect(pressureOf(found)).toEqual({ memory: true, disk: true, pid: false })
  expect(shortages(thresholds, { 'memory.available': { available: 100, capacity: 1000 } })).toEqual([])
})

test('rankForMemory() puts who exceeds its request first, then low priority, then the larger excess', () => {
  const candidate = (name: string, memoryBytes: number, request: string, priority = 0) => ({
    pod: pod({ priority, containers: [container('c', { resources: { requests: { memory: request } } })] }, { name }),
    memoryBytes,
  })
  const ranked = rankForMemory([
    candidate('within', 900, '1000'),
    candidate('important', 900, '100', 10),
    candidate('little', 150, '100'),
    candidate('much', 500, '100'),
  ])
  expect(ranked.map(({ pod: { metadata } }) => metadata.name)).toEqual(['much', 'little', 'important', 'within'])
})

test('isEvictable() spares static and critical pods', () => {
  expect(isEvictable(pod())).toBe(true)
  expect(isEvictable(pod({ priority: 2_000_001_000 }))).toBe(false)
  expect(isEvictable(pod({}, { annotations: { 'kubernetes.io/config.source': 'file' } }))).toBe(false)
})

test('evictionMessage() says what ran low and who used it', () => {
  const shortage = { signal: 'memory.available', threshold: 104_857_600, available: 1024 } as const
  expect(evictionMessage(shortage, { pod: pod(), memoryBytes: 2048 })).toBe(
    'The node was low on resource: memory. Threshold quantity: 104857600, available: 1Ki. Container c was using 2Ki, request is 0, has larger consumption of memory. ',
  )
})

test('changedConditionReasons() names what changed and nothing else', () => {
  const at = (type: string, status: string) => ({ type, status })
  expect(changedConditionReasons([], [at('MemoryPressure', 'False'), at('Ready', 'False')])).toEqual([
    'NodeHasSufficientMemory',
  ])
  expect(changedConditionReasons([at('Ready', 'False')], [at('Ready', 'True')])).toEqual(['NodeReady'])
  expect(changedConditionReasons([at('Ready', 'True')], [at('Ready', 'True')])).toEqual([])
  expect(changedConditionReasons([at('Ready', 'Unknown')], [at('Ready', 'False')])).toEqual(['NodeNotReady'])
})
