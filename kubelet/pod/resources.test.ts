import { expect, test } from 'vitest'
import { container, pod } from '../../test/fixtures/kubelet-pod.ts'
import { podCgroup } from './cgroup.ts'
import { containerResources, cpuQuota, cpuShares, oomScoreAdjust, podCgroupResources } from './resources.ts'

const gib = 1024 ** 3
const withResources = (resources: { requests?: Record<string, string>; limits?: Record<string, string> }) =>
  pod({ containers: [container('c', { resources })] })
const full = { cpu: '500m', memory: '256Mi' }

test('cpuShares() and cpuQuota() follow the kernel, with its least values', () => {
  expect([0, 1, 100, 1000, 4000].map(cpuShares)).toEqual([2, 2, 102, 1024, 4096])
  expect([0, 1, 100, 2500].map(cpuQuota)).toEqual([0, 1000, 10_000, 250_000])
})

test('containerResources() spares a pod that asks for just what it may have', () => {
  const limited = withResources({ requests: full, limits: full })
  const [one = container('c')] = limited.spec.containers
  expect(containerResources(limited, one, { memoryBytes: gib })).toEqual({
    cpuShares: 512,
    cpuPeriod: 100_000,
    cpuQuota: 50_000,
    memoryLimitInBytes: 256 * 1024 ** 2,
    oomScoreAdj: -997,
  })
})

test('oomScoreAdjust() lets best-effort die first and critical pods last', () => {
  expect(oomScoreAdjust(pod(), 0, gib)).toBe(1000)
  expect(oomScoreAdjust(withResources({ requests: full }), gib / 4, gib)).toBe(750)
  expect(oomScoreAdjust(withResources({ requests: full }), 0, gib)).toBe(999)
  expect(oomScoreAdjust(pod({ priority: 2_000_001_000 }), 0, gib)).toBe(-997)
})

test('podCgroupResources() counts sidecars with the app and init containers by their peak', () => {
  const request = (cpu: string) => ({ resources: { requests: { cpu }, limits: { cpu } } })
  const one = pod({
    containers: [container('c', request('100m'))],
    initContainers: [container('i', request('1')), container('s', { ...request('200m'), restartPolicy: 'Always' })],
  })
  expect(podCgroupResources(one)).toMatchObject({ milliCpu: 1000, limits: { milliCpu: 1000 } })
})

test('podCgroup() names the tier of the pod', () => {
  expect(podCgroup('/node-1', pod())).toBe('/node-1/kubepods/besteffort/podu1')
  expect(podCgroup('/', withResources({ requests: full, limits: full }))).toBe('/kubepods/podu1')
  expect(podCgroup('/', withResources({ requests: full }))).toBe('/kubepods/burstable/podu1')
})
