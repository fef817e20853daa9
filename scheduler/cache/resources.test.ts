import { expect, test } from 'vitest'
import type { PodSpec } from '../../api/core/v1.ts'
import { makePod } from '../testing.ts'
import { podRequests } from './resources.ts'

const cpu = (name: string, amount: string, restartPolicy?: string) => ({
  name,
  resources: { requests: { cpu: amount } },
  ...(restartPolicy === undefined ? {} : { restartPolicy }),
})

const rows: readonly (readonly [rule: string, spec: Partial<PodSpec>, milliCpu: number])[] = [
  ['adds up containers', { containers: [cpu('a', '100m'), cpu('b', '200m')] }, 300],
  [
    'takes the largest init container',
    { containers: [cpu('a', '1')], initContainers: [cpu('i', '2'), cpu('j', '3')] },
    3000,
  ],
  ['adds sidecars to containers', { containers: [cpu('a', '1')], initContainers: [cpu('s', '500m', 'Always')] }, 1500],
  [
    'adds sidecars that run already to a later init container',
    { containers: [cpu('a', '1')], initContainers: [cpu('s', '500m', 'Always'), cpu('i', '2')] },
    2500,
  ],
  ['adds overhead', { containers: [cpu('a', '1')], overhead: { cpu: '250m' } }, 1250],
  ['takes pod-level requests instead', { containers: [cpu('a', '1')], resources: { requests: { cpu: '3' } } }, 3000],
]

test.each(rows)('podRequests() %s', (_rule, spec, milliCpu) => {
  expect(podRequests(makePod({ name: 'p', spec })).milliCpu).toBe(milliCpu)
})

test('podRequests() counts what the kubelet still holds during a resize', () => {
  const pod = makePod({
    name: 'p',
    cpu: '1',
    status: { containerStatuses: [{ name: 'main', allocatedResources: { cpu: '2' } }] } as never,
  })
  expect(podRequests(pod).milliCpu).toBe(2000)
})
