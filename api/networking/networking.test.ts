import { expect, test } from 'vitest'
import { createCauses, created, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'
import type { Ingress } from './v1.ts'

const ingresses = resourceOf('Ingress.networking.k8s.io')
const classes = resourceOf('IngressClass.networking.k8s.io')
const policies = resourceOf('NetworkPolicy.networking.k8s.io')
const addresses = resourceOf('IPAddress.networking.k8s.io')
const ranges = resourceOf('ServiceCIDR.networking.k8s.io')

const to = (backend: string) => `{ spec: { defaultBackend: ${backend} } }`
const from = (peer: string) => `{ spec: { podSelector: {}, ingress: [{ from: [${peer}] }] } }`
const web = '{ service: { name: web, port: { number: 80 } } }'
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

type Row = readonly [typeof ingresses, string, string, readonly string[]]
const table: readonly Row[] = [
  [
    ingresses,
    'an Ingress without a backend',
    to('{}'),
    ['spec.defaultBackend: Invalid value: "": resource or service backend is required'],
  ],
  [
    ingresses,
    'a service without a port, at the backend',
    to('{ service: { name: web } }'),
    ['spec.defaultBackend: Required value: port name or number is required'],
  ],
  [
    ingresses,
    'a port by name and number, at the backend',
    to('{ service: { name: web, port: { name: http, number: 80 } } }'),
    ['spec.defaultBackend: Invalid value: "": cannot set both port name & port number'],
  ],
  [ingresses, 'no service whose name begins with a digit', to('{ service: { name: 1a, port: { number: 80 } } }'), []],
  [
    ingresses,
    'a service with dots in its name',
    to('{ service: { name: a.b, port: { number: 80 } } }'),
    ['spec.defaultBackend.service.name: Invalid value: "a.b": must not contain dots'],
  ],
  [
    ingresses,
    'a resource that fits no URL',
    to('{ resource: { apiGroup: A_, kind: a/b, name: ".." } }'),
    [
      `spec.defaultBackend.resource.apiGroup: Invalid value: "A_": ${subdomain}`,
      'spec.defaultBackend.resource.kind: Invalid value: "a/b": may not contain \'/\'',
      'spec.defaultBackend.resource.name: Invalid value: "..": may not be \'..\'',
    ],
  ],
  [
    ingresses,
    'a path without type and nothing else of it',
    '{ spec: { rules: [{ http: { paths: [{ path: a, backend: {} }] } }] } }',
    ['spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified'],
  ],
  [
    ingresses,
    'a secret of no name that one may have',
    `{ spec: { defaultBackend: ${web}, tls: [{ secretName: A_ }, { secretName: "" }] } }`,
    [`spec.tls[0].secretName: Invalid value: "A_": ${subdomain}`],
  ],
  [
    ingresses,
    'an IPv6 address for a host, twice',
    '{ spec: { rules: [{ host: "::1" }] } }',
    [
      'spec.rules[0].host: Invalid value: "::1": must be a DNS name, not an IP address',
      `spec.rules[0].host: Invalid value: "::1": ${subdomain}`,
    ],
  ],
  [
    ingresses,
    'two classes',
    `{ metadata: { annotations: { kubernetes.io/ingress.class: a } }, spec: { ingressClassName: b, defaultBackend: ${web} } }`,
    [
      'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified',
    ],
  ],
  [
    ingresses,
    'no class that is given twice',
    `{ metadata: { annotations: { kubernetes.io/ingress.class: a } }, spec: { ingressClassName: a, defaultBackend: ${web} } }`,
    [],
  ],
  [
    classes,
    'a long controller without a path',
    `{ spec: { controller: ${'x'.repeat(251)} } }`,
    [
      'spec.controller: Too long: may not be more than 250 bytes',
      `spec.controller: Invalid value: "${'x'.repeat(251)}": must be a domain-prefixed path (such as "acme.io/foo")`,
    ],
  ],
  [
    classes,
    'an empty namespace by the rule of names',
    '{ spec: { controller: a.b/c, parameters: { kind: a, name: b, scope: Namespace, namespace: "" } } }',
    [`spec.parameters.namespace: Invalid value: "": ${label}`],
  ],
  [
    classes,
    'a namespace beside the scope of all, even an empty one',
    '{ spec: { controller: a.b/c, parameters: { kind: a, name: b, scope: Cluster, namespace: "" } } }',
    ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
  ],
  [
    policies,
    'unknown protocols and directions',
    '{ spec: { podSelector: {}, ingress: [{ ports: [{ protocol: ICMP }] }], policyTypes: [ingress] } }',
    [
      'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"',
      'spec.policyTypes[0]: Unsupported value: "ingress": supported values: "Ingress", "Egress"',
    ],
  ],
  [
    policies,
    'ranges that may be read in two ways',
    from('{ ipBlock: { cidr: 10.0.0.0/8, except: [10.1.1.1/16, 010.1.0.0/16, 10.0.0.0/7] } }'),
    [
      'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "10.1.1.1/16": must not have bits set beyond the prefix length',
      'spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: "010.1.0.0/16": must not have leading 0s in IP or prefix length',
      'spec.ingress[0].from[0].ipBlock.except[2]: Invalid value: "10.0.0.0/7": must be a strict subset of `cidr`',
    ],
  ],
  [
    policies,
    'holes in no range: only the range',
    from('{ ipBlock: { cidr: bad, except: [worse] } }'),
    [
      'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "bad": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
    ],
  ],
  [
    addresses,
    'a name in a second spelling, and a parent of no URL',
    '{ metadata: { name: "2001:DB8::1" }, spec: { parentRef: { group: _, resource: a/b, namespace: "..", name: n } } }',
    [
      'metadata.name: Invalid value: "2001:DB8::1": must be in canonical form ("2001:db8::1")',
      `spec.parentRef.group: Invalid value: "_": ${subdomain}`,
      'spec.parentRef.resource: Invalid value: "a/b": may not contain \'/\'',
      'spec.parentRef.namespace: Invalid value: "..": may not be \'..\'',
    ],
  ],
  [
    ranges,
    'two ranges of one family',
    '{ spec: { cidrs: [10.0.0.0/24, 10.1.0.0/24] } }',
    [
      'spec.cidrs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    ],
  ],
  [
    ranges,
    'three ranges',
    '{ spec: { cidrs: [a, b, c] } }',
    ['spec.cidrs: Invalid value: {"CIDRs":["a","b","c"]}: may only hold up to 2 values'],
  ],
  [
    ranges,
    'a range in a second spelling',
    '{ spec: { cidrs: [FD00::/64] } }',
    ['spec.cidrs[0]: Invalid value: "FD00::/64": must be in canonical form ("fd00::/64")'],
  ],
]
for (const [resource, name, yaml, want] of table) {
  test(`${resource.facts.kind} refuses ${name}`, () => expect(createCauses(resource, yaml)).toEqual(want))
}

const tls = (name: string, host = 'a') =>
  `{ spec: { defaultBackend: ${web}, tls: [{ secretName: ${name}, hosts: [${host}] }] } }`
const wild = (paths: string) => `{ spec: { rules: [{ host: "*.a.b", http: { paths: ${paths} } }] } }`
const parentOf = (name: string) =>
  `{ metadata: { name: 10.0.0.1 }, spec: { parentRef: { resource: services, name: ${name} } } }`
const cidrs = (list: string) => `{ spec: { cidrs: ${list} } }`
const updates: readonly (readonly [typeof ingresses, string, string, string, readonly string[]])[] = [
  [ingresses, 'keeps names of secrets that were never valid', tls('A_'), tls('B_', 'b'), []],
  [ingresses, 'keeps rules of wildcard hosts that were never valid', wild('[]'), wild('[]'), []],
  [
    classes,
    'refuses another controller before all else',
    '{ spec: { controller: a.b/c } }',
    '{ spec: { controller: x } }',
    [
      'spec.controller: Invalid value: "x": field is immutable',
      'spec.controller: Invalid value: "x": must be a domain-prefixed path (such as "acme.io/foo")',
    ],
  ],
  [
    policies,
    'keeps a range that it had elsewhere',
    from('{ ipBlock: { cidr: 10.0.0.1/8 } }'),
    '{ spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: 10.0.0.1/8 } }] }] } }',
    [],
  ],
  [
    addresses,
    'refuses another parent, in the names of Go',
    parentOf('a'),
    parentOf('b'),
    ['spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"","Name":"b"}: field is immutable'],
  ],
  [ranges, 'takes a second family', cidrs('[10.0.0.0/24]'), cidrs('[10.0.0.0/24, "fd00::/64"]'), []],
  [
    ranges,
    'judges the second range',
    cidrs('[10.0.0.0/24]'),
    cidrs('[10.0.0.0/24, bad]'),
    ['spec.cidrs[1]: Invalid value: "bad": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  ],
  [
    ranges,
    'refuses another range',
    cidrs('[10.0.0.0/24]'),
    cidrs('[10.0.1.0/24]'),
    ['spec.cidrs[0]: Invalid value: "10.0.1.0/24": field is immutable'],
  ],
  [
    ranges,
    'refuses to lose all',
    cidrs('[10.0.0.0/24]'),
    '{ spec: {} }',
    ['spec.cidrs: Invalid value: null: field is immutable'],
  ],
]
for (const [resource, name, before, after, want] of updates) {
  test(`${resource.facts.kind} ${name} in an update`, () => expect(updateCauses(resource, before, after)).toEqual(want))
}

const stored = created(ingresses, to(web)) as unknown as Ingress
const withPoint = (point: { readonly ip?: string; readonly hostname?: string }): Ingress => ({
  ...stored,
  status: { loadBalancer: { ingress: [point] } },
})
const points: readonly (readonly [{ readonly ip?: string; readonly hostname?: string }, readonly string[]])[] = [
  [{ ip: '1.2.3.004' }, ['Invalid value: "1.2.3.004": must not have leading 0s']],
  [{ ip: '::ffff:1.2.3.4' }, ['Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address']],
  [{ hostname: '1.2.3.4' }, ['Invalid value: "1.2.3.4": must be a DNS name, not an IP address']],
]
for (const [point, want] of points) {
  test(`Ingress refuses the status ${JSON.stringify(point)}`, () => {
    const warnings: string[] = []
    const causes = ingresses.validateStatusUpdate?.(withPoint(point), stored, (text) => warnings.push(text)) ?? []
    expect(causes.map(({ message }) => message)).toEqual(want)
    expect(warnings).toEqual([])
  })
}

test('Ingress keeps an address of its status, and warns of its spelling', () => {
  const warnings: string[] = []
  const odd = withPoint({ ip: '::ffff:1.2.3.4' })
  expect(ingresses.validateStatusUpdate?.(odd, odd, (text) => warnings.push(text))).toEqual([])
  expect(warnings).toEqual([
    'status.loadBalancer.ingress[0]: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"',
  ])
})

test('NetworkPolicy warns of ranges in odd spellings', () => {
  const policy = created(policies, from('{ ipBlock: { cidr: FD00::/64 } }'))
  expect(policies.warnings?.(policy, undefined)).toEqual([
    'spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
  ])
})
