import { expect, test } from 'vitest'
import { created, decoded, resourceOf } from '../../test/fixtures/api-object.ts'
import { validatePodResize, withResizedContainers } from './pod-resize.ts'
import type { Pod } from './v1.ts'

const pods = resourceOf('Pod')
const pod = (resources: string, more = '') =>
  `{ spec: { containers: [{ name: c, image: i, resources: { ${resources} } }]${more} } }`
const burstable = 'requests: { cpu: 100m, memory: 1Gi }, limits: { cpu: 1 }'

function causes(before: string, after: string): readonly string[] {
  const old = created(pods, before) as unknown as Pod
  return validatePodResize(decoded(pods, after) as unknown as Pod, old).map(
    ({ field, message }) => `${field}: ${message}`,
  )
}

const table: readonly (readonly [string, string, string, readonly string[]])[] = [
  ['takes more CPU', pod(burstable), pod(burstable.replace('100m', '200m')), []],
  [
    'refuses another quality of service',
    pod('limits: { cpu: 1, memory: 1Gi }'),
    pod('limits: { cpu: 2, memory: 1Gi }, requests: { cpu: 1 }'),
    ['spec: Invalid value: "Guaranteed": Pod QOS Class may not change as a result of resizing'],
  ],
  [
    'refuses to take a limit away',
    pod(burstable),
    pod('requests: { cpu: 100m, memory: 1Gi }'),
    ['spec.containers[0].resources: Forbidden: resource limits cannot be removed'],
  ],
  [
    'refuses more than there may be',
    pod(burstable),
    pod(burstable.replace('100m', '2')),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
]
for (const [name, before, after, want] of table) {
  test(`validatePodResize() ${name}`, () => expect(causes(before, after)).toEqual(want))
}

test('validatePodResize() refuses any other change', () => {
  const [cause] = causes(pod(burstable), pod(burstable, ', hostNetwork: true'))
  expect(cause).toContain('spec: Forbidden: only cpu and memory resources are mutable\n')
})

test('withResizedContainers() takes the resources only, as a new generation', () => {
  const old = created(pods, pod(burstable)) as unknown as Pod
  const wanted = decoded(pods, pod(burstable.replace('100m', '200m'), ', nodeName: n')) as unknown as Pod
  const next = withResizedContainers(wanted, old)
  expect(next.spec.containers[0]?.resources.requests).toEqual({ cpu: '200m', memory: '1Gi' })
  expect(next.spec.nodeName).toBeUndefined()
  expect(next.metadata.generation).toBe(2)
})
