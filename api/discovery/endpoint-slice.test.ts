import { expect, test } from 'vitest'
import { createCauses, created, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'
import type { EndpointSlice } from './v1.ts'

const slices = resourceOf('EndpointSlice.discovery.k8s.io')
const slice = (endpoint: string, rest = 'addressType: IPv4') => `{ ${rest}, endpoints: [${endpoint}], ports: [] }`
const storedSlice = (yaml: string) => created(slices, yaml) as unknown as EndpointSlice
const manyHints = Array.from({ length: 9 }, (_, i) => `{ name: n${i} }`).join(', ')

const table: readonly (readonly [string, string, readonly string[]])[] = [
  ['accepts any number for a port', '{ addressType: IPv4, endpoints: [], ports: [{ port: 0 }] }', []],
  [
    'refuses an empty protocol',
    '{ addressType: IPv4, endpoints: [], ports: [{ protocol: "" }] }',
    ['ports[0].protocol: Unsupported value: "": supported values: "SCTP", "TCP", "UDP"'],
  ],
  [
    'tells of ports before endpoints',
    slice('{ addresses: [] }', 'addressType: IPv4, ports: [{ protocol: X }]').replace(', ports: [] }', ' }'),
    [
      'ports[0].protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"',
      'endpoints[0].addresses: Required value: must contain at least 1 address',
    ],
  ],
  [
    'refuses doubled hints',
    slice(
      '{ addresses: [10.0.0.1], hints: { forZones: [{ name: z }, { name: z }], forNodes: [{ name: n }, { name: n }] } }',
    ),
    [
      'endpoints[0].hints.forZones[1].name: Duplicate value: "z"',
      'endpoints[0].hints.forNodes[1].name: Duplicate value: "n"',
    ],
  ],
  [
    'counts hints of nodes',
    slice(`{ addresses: [10.0.0.1], hints: { forNodes: [${manyHints}] } }`),
    ['endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items'],
  ],
  [
    'does not judge hints of nodes beside too many of zones',
    slice(`{ addresses: [10.0.0.1], hints: { forZones: [${manyHints}], forNodes: [{ name: A_ }] } }`),
    ['endpoints[0].hints.forZones: Too many: 9: must have at most 8 items'],
  ],
  [
    'refuses an address with zeros in front',
    slice('{ addresses: [010.0.0.1] }'),
    ['endpoints[0].addresses[0]: Invalid value: "010.0.0.1": must not have leading 0s'],
  ],
  [
    'tells of another family at the list, and of a special address at its place',
    slice('{ addresses: ["::1"] }'),
    [
      'endpoints[0].addresses: Invalid value: "::1": must be an IPv4 address',
      'endpoints[0].addresses[0]: Invalid value: "::1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'wants IPv6 in its one spelling',
    slice('{ addresses: [FD00::1] }', 'addressType: IPv6'),
    ['endpoints[0].addresses[0]: Invalid value: "FD00::1": must be in canonical form ("fd00::1")'],
  ],
  [
    'wants names of two segments',
    slice('{ addresses: [bad, "", a.example.com.] }', 'addressType: FQDN'),
    [
      'endpoints[0].addresses[0]: Invalid value: "bad": should be a domain with at least two segments separated by dots',
      'endpoints[0].addresses[1]: Required value',
    ],
  ],
]
for (const [name, yaml, want] of table) {
  test(`EndpointSlice ${name}`, () => expect(createCauses(slices, yaml)).toEqual(want))
}

test('EndpointSlice keeps endpoints that were stored before a rule', () => {
  const before = slice('{ addresses: ["127.0.0.1"] }')
  expect(updateCauses(slices, before, before)).toEqual([])
  expect(updateCauses(slices, before, slice('{ addresses: ["127.0.0.2"] }'))).toHaveLength(1)
})

test('EndpointSlice drops topology, but not a node that it named before', () => {
  const topology = 'deprecatedTopology: { kubernetes.io/hostname: n1 }'
  const fresh = storedSlice(slice(`{ addresses: [10.0.0.1], ${topology} }`))
  expect(fresh.endpoints).toEqual([{ addresses: ['10.0.0.1'], conditions: {} }])
  const old: EndpointSlice = {
    ...fresh,
    endpoints: [{ addresses: ['10.0.0.1'], conditions: {}, deprecatedTopology: { 'kubernetes.io/hostname': 'n1' } }],
  }
  const changed: EndpointSlice = {
    ...old,
    endpoints: [{ addresses: ['10.0.0.2'], conditions: {}, deprecatedTopology: { 'kubernetes.io/hostname': 'n1' } }],
  }
  const prepared = slices.prepareForUpdate?.(changed, old)
  expect(prepared).toMatchObject({ endpoints: [{ addresses: ['10.0.0.2'], nodeName: 'n1' }] })
  expect(JSON.stringify(prepared)).not.toContain('deprecatedTopology')
  expect(slices.prepareForUpdate?.(old, old)).toMatchObject({ endpoints: old.endpoints })
})

test('EndpointSlice counts changed labels as a new generation, annotations not', () => {
  // The server keeps the generation of kinds without a spec only where they say so.
  expect(slices.hasGeneration).toBe(true)
  const old = storedSlice(slice('{ addresses: [10.0.0.1] }'))
  const labelled = { ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }
  const annotated = { ...old, metadata: { ...old.metadata, annotations: { a: 'b' } } }
  expect(slices.prepareForUpdate?.(labelled, old).metadata.generation).toBe(2)
  expect(slices.prepareForUpdate?.(annotated, old).metadata.generation).toBe(1)
})

test('EndpointSlice warns of names and of odd spellings, unless a controller wrote them', () => {
  const named = storedSlice(slice('{ addresses: [a.example.com] }', 'addressType: FQDN'))
  expect(slices.warnings?.(named, undefined)).toEqual(['spec.addressType: FQDN endpoints are deprecated'])
  expect(slices.warnings?.(named, named)).toEqual([])
  const mapped = storedSlice(slice('{ addresses: ["::ffff:1.2.3.4"] }'))
  expect(slices.warnings?.(mapped, undefined)).toHaveLength(1)
  const labels = { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io' }
  expect(slices.warnings?.({ ...mapped, metadata: { ...mapped.metadata, labels } }, undefined)).toEqual([])
})
