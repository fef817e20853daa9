import { describe, expect, test } from 'vitest'
import { createCauses, created, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'
import { validateClaimStatus, withoutDeallocated } from './claim-status.ts'
import type { ResourceClaim, ResourceSlice } from './v1.ts'

const claim = resourceOf('ResourceClaim.resource.k8s.io')
const template = resourceOf('ResourceClaimTemplate.resource.k8s.io')
const deviceClass = resourceOf('DeviceClass.resource.k8s.io')
const slice = resourceOf('ResourceSlice.resource.k8s.io')

const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const identifier =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"
const reference =
  "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
const r = '{ name: r, exactly: { deviceClassName: a } }'

const claims: readonly (readonly [string, string, readonly string[]])[] = [
  ['one device', `requests: [${r}]`, []],
  [
    'a reference to a subrequest',
    `requests: [{ name: r, firstAvailable: [{ name: s, deviceClassName: a }] }], constraints: [{ requests: [r/s], matchAttribute: d.io/a }]`,
    [],
  ],
  ['a name twice', `requests: [${r}, ${r}]`, ['spec.devices.requests[1]: Duplicate value: "r"']],
  [
    'no name',
    'requests: [{ exactly: { deviceClassName: a } }]',
    [`spec.devices.requests[0].name: Invalid value: "": ${label}`],
  ],
  [
    'no kind of request',
    'requests: [{ name: r }]',
    ['spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required'],
  ],
  [
    'both kinds of request',
    'requests: [{ name: r, exactly: { deviceClassName: a }, firstAvailable: [{ name: s, deviceClassName: a }] }]',
    [
      'spec.devices.requests[0]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set',
    ],
  ],
  [
    'too many alternatives',
    `requests: [{ name: r, firstAvailable: [${'{ name: s }, '.repeat(9)}] }]`,
    ['spec.devices.requests[0].firstAvailable: Too many: 9: must have at most 8 items'],
  ],
  [
    'a count beside all',
    'requests: [{ name: r, exactly: { deviceClassName: a, allocationMode: All, count: 2 } }]',
    [`spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'`],
  ],
  [
    'a toleration of an unknown kind',
    `requests: [{ name: r, exactly: { deviceClassName: a, tolerations: [{ key: k, operator: Foo, effect: Bad }] } }]`,
    [
      'spec.devices.requests[0].exactly.tolerations[0].operator: Unsupported value: "Foo": supported values: "Equal", "Exists"',
      'spec.devices.requests[0].exactly.tolerations[0].effect: Unsupported value: "Bad": supported values: "NoExecute", "NoSchedule", "None"',
    ],
  ],
  [
    'a toleration of any value with a value',
    `requests: [{ name: r, exactly: { deviceClassName: a, tolerations: [{ operator: Exists, value: x }] } }]`,
    ['spec.devices.requests[0].exactly.tolerations[0].value: Invalid value: "x": must be empty for operator `Exists`'],
  ],
  [
    'a constraint on nothing',
    `requests: [${r}], constraints: [{}]`,
    [
      'spec.devices.constraints[0]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    ],
  ],
  [
    'a constraint on a request that is not there',
    `requests: [${r}], constraints: [{ requests: [r/s, a/b/c], distinctAttribute: d.io/a }]`,
    [
      `spec.devices.constraints[0].requests[0]: Invalid value: "r/s": ${reference}`,
      `spec.devices.constraints[0].requests[1]: Invalid value: "a/b/c": ${reference}`,
    ],
  ],
  [
    'an attribute without a domain',
    `requests: [${r}], constraints: [{ matchAttribute: a-b }]`,
    [
      `spec.devices.constraints[0].matchAttribute: Invalid value: "a-b": ${identifier}`,
      'spec.devices.constraints[0].matchAttribute: Invalid value: "a-b": a fully qualified name must be a domain and a name separated by a slash',
    ],
  ],
  [
    'no configuration',
    `requests: [${r}], config: [{ requests: [r, r] }]`,
    ['spec.devices.config[0].requests[1]: Duplicate value: "r"', 'spec.devices.config[0].opaque: Required value'],
  ],
  [
    'an empty configuration',
    `config: [{ opaque: {} }]`,
    [
      'spec.devices.config[0].opaque.driver: Required value',
      'spec.devices.config[0].opaque.parameters: Required value',
    ],
  ],
  [
    'parameters that are no object',
    `config: [{ opaque: { driver: d, parameters: [1] } }]`,
    ['spec.devices.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object'],
  ],
  [
    'long parameters',
    `config: [{ opaque: { driver: d, parameters: { a: ${'x'.repeat(11_000)} } } }]`,
    ['spec.devices.config[0].opaque.parameters: Too long: may not be more than 10240 bytes'],
  ],
]

test.each(claims)('validate() of a ResourceClaim with %s', (_, devices, expected) =>
  expect(createCauses(claim, `{ spec: { devices: { ${devices} } } }`)).toEqual(expected),
)

test('validateUpdate() of a ResourceClaim and its template shows the new spec in Go’s names', () => {
  const before = `{ devices: { requests: [${r}] } }`
  const after = '{ devices: { requests: [{ name: q, exactly: { deviceClassName: a } }] } }'
  const shown =
    '{"Devices":{"Requests":[{"Name":"q","Exactly":{"DeviceClassName":"a","Selectors":null,"AllocationMode":"ExactCount","Count":1,"AdminAccess":null,"Tolerations":null,"Capacity":null},"FirstAvailable":null}],"Constraints":null,"Config":null}}'
  expect(updateCauses(claim, `{ spec: ${before} }`, `{ spec: ${after} }`)).toEqual([
    `spec: Invalid value: ${shown}: field is immutable`,
  ])
  expect(
    updateCauses(
      template,
      `{ spec: { spec: ${before} } }`,
      `{ spec: { metadata: { labels: { a: b } }, spec: ${after} } }`,
    ),
  ).toEqual([`spec: Invalid value: {"labels":{"a":"b"},"Spec":${shown}}: field is immutable`])
})

test('validate() of a ResourceClaimTemplate takes labels and annotations only', () =>
  expect(
    createCauses(template, `{ spec: { metadata: { name: x }, spec: { devices: { requests: [{ name: r }] } } } }`),
  ).toEqual([
    'spec.metadata.name: Forbidden: cannot be set',
    'spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required',
  ]))

test.each([
  ['an extended resource', 'extendedResourceName: a.io/b', []],
  [
    'a native resource',
    'extendedResourceName: cpu',
    ['spec.extendedResourceName: Invalid value: "cpu": must be a valid extended resource name'],
  ],
  ['no configuration', 'config: [{}]', ['spec.config[0].opaque: Required value']],
])('validate() of a DeviceClass with %s', (_, spec, expected) =>
  expect(createCauses(deviceClass, `{ spec: { ${spec} } }`)).toEqual(expected),
)

const base = 'driver: d.io, pool: { name: p, generation: 1, resourceSliceCount: 1 }'
const where = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
const slices: readonly (readonly [string, string, readonly string[]])[] = [
  ['devices of one node', `${base}, nodeName: n, devices: [{ name: d }]`, []],
  [
    'an empty pool',
    'driver: d.io, nodeName: n, pool: { name: A/b, generation: -1 }',
    [
      `spec.pool.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
      'spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero',
      'spec.pool.generation: Invalid value: -1: must be greater than or equal to zero',
    ],
  ],
  [
    'no place',
    `${base}, allNodes: false`,
    ['spec.allNodes: Invalid value: false: must be either unset or set to true', `spec: Required value: ${where}`],
  ],
  [
    'two places',
    `${base}, nodeName: n, allNodes: true`,
    [`spec: Invalid value: "{\`nodeName\`, \`allNodes\`}": ${where}, but multiple fields are set`],
  ],
  [
    'two terms',
    `${base}, nodeSelector: { nodeSelectorTerms: [{}, { matchFields: [{ key: metadata.name, operator: In, values: [a] }] }] }`,
    [
      'spec.nodeSelector.nodeSelectorTerms: Invalid value: [{"MatchExpressions":null,"MatchFields":null},{"MatchExpressions":null,"MatchFields":[{"Key":"metadata.name","Operator":"In","Values":["a"]}]}]: must have exactly one node selector term',
    ],
  ],
  [
    'counters beside devices',
    `${base}, nodeName: n, devices: [{ name: d }], sharedCounters: [{}]`,
    [
      'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
      'spec.sharedCounters[0].name: Required value',
      'spec.sharedCounters[0].counters: Required value',
    ],
  ],
  [
    'a name twice',
    `${base}, nodeName: n, devices: [{ name: d }, { name: d }]`,
    ['spec.devices[1]: Duplicate value: "d"'],
  ],
  [
    'many devices with taints',
    `${base}, nodeName: n, devices: [${'{ name: d, taints: [{ key: k, effect: None }] }, '.repeat(65)}]`,
    ['spec.devices: Too many: 65: must have at most 64 items'],
  ],
]

test.each(slices)('validate() of a ResourceSlice with %s', (_, spec, expected) =>
  expect(createCauses(slice, `{ spec: { ${spec} } }`)).toEqual(expected),
)

const devices: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'every kind of value',
    'attributes: { a: { int: 1 }, d.io/b: { string: x }, c: { version: 1.2.3-rc.1+x }, e: { bool: false } }',
    [],
  ],
  [
    'an attribute without a value',
    'attributes: { a: {} }',
    ['attributes[a]: Invalid value: "": exactly one value must be specified'],
  ],
  [
    'an attribute that is a list',
    'attributes: { a: { ints: [1] } }',
    ['attributes[a]: Invalid value: "": exactly one value must be specified'],
  ],
  [
    'an attribute with two values',
    'attributes: { a: { int: 1, bool: true } }',
    [
      'attributes[a]: Invalid value: {"IntValue":1,"BoolValue":true,"StringValue":null,"VersionValue":null,"IntValues":null,"BoolValues":null,"StringValues":null,"VersionValues":null}: exactly one value must be specified',
    ],
  ],
  [
    'no version',
    'attributes: { a: { version: "1.x" } }',
    ['attributes[a].version: Invalid value: "1.x": must be a string compatible with semver.org spec 2.0.0'],
  ],
  [
    'a long text',
    `attributes: { a: { string: ${'x'.repeat(65)} } }`,
    ['attributes[a].string: Too long: may not be more than 64 bytes'],
  ],
  [
    'bad names',
    'attributes: { d.io/: { int: 1 }, /x: { int: 1 }, x/y/z: { int: 1 } }',
    [
      'attributes: Invalid value: "": the name must not be empty',
      'attributes: Invalid value: "": the domain must not be empty',
    ],
  ],
  [
    'a policy of what is not shared',
    'capacity: { a: { value: 1, requestPolicy: { default: 1 } } }',
    ['capacity[a].requestPolicy: Forbidden: allowMultipleAllocations must be true'],
  ],
  [
    'options out of order',
    'allowMultipleAllocations: true, capacity: { a: { value: 2, requestPolicy: { default: 4, validValues: [3, 1] } } }',
    [
      'capacity[a].requestPolicy.validValues[1]: Invalid value: "1": values must be sorted in ascending order',
      'capacity[a].requestPolicy.validValues[0]: Invalid value: "3": option is larger than capacity value: 2',
      'capacity[a].requestPolicy.validValues: Invalid value: "4": default value is not valid according to the requestPolicy',
    ],
  ],
  [
    'a range that does not fit',
    'allowMultipleAllocations: true, capacity: { a: { value: 10, requestPolicy: { default: 3, validRange: { min: 2, max: 12, step: 4 } } } }',
    [
      'capacity[a].requestPolicy.validRange.max: Invalid value: "12": max is larger than capacity value: 10',
      'capacity[a].requestPolicy.validRange.step: Invalid value: "3": value is not a multiple of a given step (4) from (2)',
      'capacity[a].requestPolicy.validRange.step: Invalid value: "12": value is not a multiple of a given step (4) from (2)',
    ],
  ],
  ['a taint without anything', 'taints: [{ key: k }]', ['taints[0].effect: Required value']],
  [
    'counters of nothing',
    'consumesCounters: [{}]',
    ['consumesCounters[0].counterSet: Required value', 'consumesCounters[0].counters: Required value'],
  ],
  [
    'failures alone',
    'bindingFailureConditions: [x]',
    ['bindingConditions: Invalid value: null: bindingConditions are required to use bindingFailureConditions'],
  ],
  [
    'a failure that is a success',
    'bindingConditions: [x, x], bindingFailureConditions: [x]',
    [
      'bindingConditions[1]: Duplicate value: "x"',
      'bindingFailureConditions[0]: Invalid value: "x": bindingFailureConditions must not overlap with bindingConditions',
    ],
  ],
]

test.each(devices)('validate() of a device with %s', (_, device, expected) =>
  expect(createCauses(slice, `{ spec: { ${base}, nodeName: n, devices: [{ name: d, ${device} }] } }`)).toEqual(
    expected.map((cause) => `spec.devices[0].${cause}`),
  ),
)

test('validate() of a device wants a place exactly when the slice leaves it to the devices', () => {
  expect(createCauses(slice, `{ spec: { ${base}, nodeName: n, devices: [{ name: d, allNodes: true }] } }`)).toEqual([
    'spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
  ])
  expect(createCauses(slice, `{ spec: { ${base}, perDeviceNodeSelection: true, devices: [{ name: d }] } }`)).toEqual([
    'spec.devices[0]: Required value: exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec',
  ])
})

test('validateUpdate() of a ResourceSlice keeps pool, driver and node', () =>
  expect(
    updateCauses(
      slice,
      `{ spec: { ${base}, nodeName: n } }`,
      `{ spec: { driver: e.io, pool: { name: q, resourceSliceCount: 1 }, nodeName: m } }`,
    ),
  ).toEqual([
    'spec.pool.name: Invalid value: "q": field is immutable',
    'spec.driver: Invalid value: "e.io": field is immutable',
    'spec.nodeName: Invalid value: "m": field is immutable',
  ]))

test('defaults() of a ResourceSlice: an amount that is not given is none', () => {
  // The fixture made it of this kind.
  const { spec } = created(slice, `{ spec: { ${base}, devices: [{ name: d, capacity: { a: {} } }] } }`) as ResourceSlice
  expect(spec.devices?.[0]?.capacity).toEqual({ a: { value: '0' } })
})

describe('validateClaimStatus()', () => {
  const result = '{ request: r, driver: d.io, pool: p, device: x }'
  const withStatus = (status: string): ResourceClaim =>
    // The fixture made it of this kind.
    created(claim, `{ spec: { devices: { requests: [${r}] } }, status: { ${status} } }`) as ResourceClaim
  const causesOf = (status: string, old = '') =>
    validateClaimStatus(withStatus(status), withStatus(old)).map(({ field, message }) => `${field}: ${message}`)
  const allocated = `allocation: { devices: { results: [${result}] } }`

  test.each([
    ['what is well', `${allocated}, reservedFor: [{ resource: pods, name: a, uid: u }]`, []],
    [
      'a reservation of nothing',
      'reservedFor: [{ resource: pods, name: a, uid: u }]',
      ['status.reservedFor: Forbidden: may not be specified when `allocated` is not set'],
    ],
    [
      'an empty consumer',
      `${allocated}, reservedFor: [{}]`,
      [
        'status.reservedFor[0].resource: Required value',
        'status.reservedFor[0].name: Required value',
        'status.reservedFor[0].uid: Required value',
      ],
    ],
    [
      'a result of another request',
      'allocation: { devices: { results: [{ request: q, driver: d.io, pool: p, device: x, shareID: q }] } }',
      [
        `status.allocation.devices.results[0].request: Invalid value: "q": ${reference}`,
        'status.allocation.devices.results[0].shareID: Invalid value: "q": error validating uid: invalid UUID length: 1',
      ],
    ],
    [
      'a configuration from nowhere',
      `allocation: { devices: { config: [{ opaque: { driver: d, parameters: {} } }] } }`,
      ['status.allocation.devices.config[0].source: Required value'],
    ],
    [
      'a device that is not allocated',
      'devices: [{ driver: d.io, pool: p, device: y }]',
      [
        'status.devices[0]: Invalid value: {"Driver":"d.io","Pool":"p","Device":"y","ShareID":""}: must be an allocated device in the claim',
      ],
    ],
    [
      'addresses that are none',
      `${allocated}, devices: [{ driver: d.io, pool: p, device: x, networkData: { ips: [10.0.0.1, "2001:DB8::1/64", 010.0.0.1/024] } }]`,
      [
        'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
        'status.devices[0].networkData.ips[1]: Invalid value: "2001:DB8::1/64": must be in canonical form ("2001:db8::1/64")',
        'status.devices[0].networkData.ips[2]: Invalid value: "010.0.0.1/024": must be in canonical form ("10.0.0.1/24")',
      ],
    ],
  ])('tells %s', (_, status, expected) => expect(causesOf(status)).toEqual(expected))

  test('refuses another allocation', () =>
    expect(causesOf('allocation: {}', allocated)).toEqual([
      'status.allocation: Invalid value: {"Devices":{"Results":null,"Config":null},"NodeSelector":null,"AllocationTimestamp":null}: field is immutable',
    ]))

  test('defaults() takes an empty operator of an allocation for Equal', () => {
    const { status } = withStatus(
      'allocation: { devices: { results: [{ request: r, driver: d.io, pool: p, device: x, tolerations: [{ key: k, operator: "" }] }] } }',
    )
    expect(status.allocation?.devices.results?.[0]?.tolerations).toEqual([{ key: 'k', operator: 'Equal' }])
  })

  test('withoutDeallocated() drops what drivers said of devices that are given back', () => {
    const { status } = withStatus(`${allocated}, devices: [{ driver: d.io, pool: p, device: x }]`)
    expect(withoutDeallocated(status, status)).toEqual(status)
    expect(withoutDeallocated({ devices: status.devices ?? [] }, status)).toEqual({})
  })
})
