import { expect, test } from 'vitest'
import { cells, createCauses, decoded, headers, resourceOf, updateCauses } from '../test/fixtures/api-object.ts'

const backend = 'backend: { service: { name: web, port: { number: 80 } } }'
const createTable: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    'NetworkPolicy.networking.k8s.io',
    'a peer of nobody, a hole outside of its range and ports without end',
    '{ spec: { ingress: [{ from: [{}, { ipBlock: { cidr: 10.0.0.0/8, except: [11.0.0.0/16] } }], ports: [{ port: http, endPort: 90 }] }] } }',
    [
      'spec.ingress[0].ports[0].endPort: Invalid value: 90: may not be specified when `port` is non-numeric',
      'spec.ingress[0].from[0]: Required value: must specify a peer',
      'spec.ingress[0].from[1].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    ],
  ],
  [
    'Ingress.networking.k8s.io',
    'an Ingress to nowhere',
    '{ spec: {} }',
    ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
  ],
  [
    'Ingress.networking.k8s.io',
    'an address for a host, and paths without type or root',
    `{ spec: { rules: [{ host: 1.2.3.4, http: { paths: [{ path: /, ${backend} }, { path: a//b, pathType: Prefix, ${backend} }] } }] } }`,
    [
      'spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
      'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified',
      'spec.rules[0].http.paths[1].path: Invalid value: "a//b": must be an absolute path',
      'spec.rules[0].http.paths[1].path: Invalid value: "a//b": must not contain \'//\'',
    ],
  ],
  [
    'Role.rbac.authorization.k8s.io',
    'rules of nothing and of URLs',
    '{ rules: [{ verbs: [], apiGroups: [""], resources: [pods] }, { verbs: [get], nonResourceURLs: [/x] }] }',
    [
      'rules[0].verbs: Required value: verbs must contain at least one value',
      'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    ],
  ],
  [
    'ClusterRoleBinding.rbac.authorization.k8s.io',
    'a role of one namespace and an account of none',
    '{ roleRef: { kind: Role, name: r }, subjects: [{ kind: ServiceAccount, name: a }, { kind: Robot, name: b }] }',
    [
      'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
      'subjects[0].namespace: Required value',
      'subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
    ],
  ],
  [
    'PodDisruptionBudget.policy',
    'both limits at once',
    '{ spec: { minAvailable: 1, maxUnavailable: 150% } }',
    [
      'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":"150%","UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
      'spec.maxUnavailable: Invalid value: "150%": must not be greater than 100%',
    ],
  ],
  [
    'HorizontalPodAutoscaler.autoscaling',
    'less than one pod',
    '{ spec: { maxReplicas: 0, scaleTargetRef: { kind: Deployment, name: d } } }',
    [
      'spec.maxReplicas: Required value: must be set and greater than 0',
      'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
      'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
    ],
  ],
  [
    'PriorityClass.scheduling.k8s.io',
    'a name that is not its own',
    '{ metadata: { name: system-mine }, value: 1 }',
    [
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class",
    ],
  ],
  [
    'StorageClass.storage.k8s.io',
    'a class of nobody',
    '{ reclaimPolicy: Recycle }',
    [
      'provisioner: Required value',
      'reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", "Retain"',
    ],
  ],
  [
    'CertificateSigningRequest.certificates.k8s.io',
    'a request that is none',
    '{ spec: { request: eA==, signerName: x, usages: [all] } }',
    [
      'spec.request: Invalid value: "eA==": PEM block type must be CERTIFICATE REQUEST',
      `spec.usages[0]: Unsupported value: "all": supported values: ${usages()}`,
      'spec.signerName: Invalid value: "x": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
    ],
  ],
  [
    'Lease.coordination.k8s.io',
    'a lease that has ended before',
    '{ spec: { leaseDurationSeconds: 0 } }',
    ['spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0'],
  ],
  [
    'EndpointSlice.discovery.k8s.io',
    'an address of another family',
    '{ addressType: IPv4, endpoints: [{ addresses: ["2001:db8::1"] }, { addresses: [] }], ports: [] }',
    [
      'endpoints[0].addresses: Invalid value: "2001:db8::1": must be an IPv4 address',
      'endpoints[1].addresses: Required value: must contain at least 1 address',
    ],
  ],
  [
    'ValidatingWebhookConfiguration.admissionregistration.k8s.io',
    'a webhook of no address',
    '{ webhooks: [{ name: a.example.com, clientConfig: {}, sideEffects: Some, admissionReviewVersions: [v1] }] }',
    [
      'webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
      'webhooks[0].clientConfig: Required value: exactly one of url or service is required',
    ],
  ],
  [
    'CustomResourceDefinition.apiextensions.k8s.io',
    'a name that does not fit and a schema without types',
    '{ spec: { group: example.com, scope: Namespaced, names: { plural: foos, kind: Foo }, versions: [{ name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, properties: { a: {}, b: { type: array } } } } }] } }',
    [
      'metadata.name: Invalid value: "a": must be spec.names.plural+"."+spec.group',
      'spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields',
      'spec.validation.openAPIV3Schema.properties[b].items: Required value: must be specified',
    ],
  ],
  [
    'SubjectAccessReview.authorization.k8s.io',
    'a question about nobody and nothing',
    '{ spec: {} }',
    [
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
      'spec.user: Invalid value: "": at least one of user or group must be specified',
    ],
  ],
]
function usages(): string {
  const list =
    'any,cert sign,client auth,code signing,content commitment,crl sign,data encipherment,decipher only,digital signature,email protection,encipher only,ipsec end system,ipsec tunnel,ipsec user,key agreement,key encipherment,microsoft sgc,netscape sgc,ocsp signing,s/mime,server auth,signing,timestamping'
  return list
    .split(',')
    .map((usage) => `"${usage}"`)
    .join(', ')
}
for (const [kind, name, yaml, want] of createTable) {
  test(`${kind} refuses ${name}`, () => expect(createCauses(resourceOf(kind), yaml)).toEqual(want))
}

const updateTable: readonly (readonly [string, string, string, string, readonly string[]])[] = [
  [
    'RoleBinding.rbac.authorization.k8s.io',
    'another role',
    '{ roleRef: { kind: Role, name: a } }',
    '{ roleRef: { kind: Role, name: b } }',
    [
      'roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"b"}: cannot change roleRef',
    ],
  ],
  [
    'PriorityClass.scheduling.k8s.io',
    'another value',
    '{ value: 1 }',
    '{ value: 2 }',
    ['value: Forbidden: may not be changed in an update.'],
  ],
  [
    'StorageClass.storage.k8s.io',
    'another provisioner',
    '{ provisioner: a.b/c }',
    '{ provisioner: a.b/d }',
    ['provisioner: Invalid value: "a.b/d": field is immutable'],
  ],
]
for (const [kind, name, before, after, want] of updateTable) {
  test(`${kind} refuses ${name} in an update`, () =>
    expect(updateCauses(resourceOf(kind), before, after)).toEqual(want))
}

const hpa = 'scaleTargetRef: { kind: Deployment, name: d }, maxReplicas: 3'
const rows: readonly (readonly [string, string, readonly string[], readonly unknown[]])[] = [
  [
    'NetworkPolicy.networking.k8s.io',
    '{ spec: { podSelector: { matchLabels: { a: b } } } }',
    ['Name', 'Pod-Selector', 'Age'],
    ['a', 'a=b', '5m'],
  ],
  [
    'Ingress.networking.k8s.io',
    '{ spec: { ingressClassName: x, tls: [{}], rules: [{ host: a }, { host: b }, { host: c }, { host: d }] } }',
    ['Name', 'Class', 'Hosts', 'Address', 'Ports', 'Age'],
    ['a', 'x', 'a,b,c + 1 more...', '', '80, 443', '5m'],
  ],
  [
    'IngressClass.networking.k8s.io',
    '{ spec: { controller: a.b/c, parameters: { apiGroup: g, kind: K, name: n } } }',
    ['Name', 'Controller', 'Parameters', 'Age'],
    ['a', 'a.b/c', 'K.g/n', '5m'],
  ],
  [
    'PodDisruptionBudget.policy',
    '{ spec: { minAvailable: 50% }, status: { disruptionsAllowed: 2 } }',
    ['Name', 'Min Available', 'Max Unavailable', 'Allowed Disruptions', 'Age'],
    ['a', '50%', 'N/A', 2, '5m'],
  ],
  [
    'RoleBinding.rbac.authorization.k8s.io',
    '{ roleRef: { kind: Role, name: r }, subjects: [{ kind: User, name: u }, { kind: Group, name: g }, { kind: ServiceAccount, name: s }] }',
    ['Name', 'Role', 'Age', '[Users]', '[Groups]', '[ServiceAccounts]'],
    ['a', 'Role/r', '5m', 'u', 'g', '/s'],
  ],
  ['ClusterRole.rbac.authorization.k8s.io', '{}', ['Name', 'Created At'], ['a', '2026-01-02T03:04:05Z']],
  [
    'PriorityClass.scheduling.k8s.io',
    '{ value: 5 }',
    ['Name', 'Value', 'Global-Default', 'Age', 'PreemptionPolicy'],
    ['a', 5, false, '5m', 'PreemptLowerPriority'],
  ],
  [
    'StorageClass.storage.k8s.io',
    '{ metadata: { annotations: { storageclass.kubernetes.io/is-default-class: "true" } }, provisioner: p }',
    ['Name', 'Provisioner', 'ReclaimPolicy', 'VolumeBindingMode', 'AllowVolumeExpansion', 'Age'],
    ['a (default)', 'p', 'Delete', 'Immediate', false, '5m'],
  ],
  [
    'CertificateSigningRequest.certificates.k8s.io',
    '{ spec: { request: eA==, signerName: a.b/c, username: u, expirationSeconds: 3600 }, status: { certificate: eA==, conditions: [{ type: Approved, status: "True" }] } }',
    ['Name', 'Age', 'SignerName', 'Requestor', 'RequestedDuration', 'Condition'],
    ['a', '5m', 'a.b/c', 'u', '60m', 'Approved,Issued'],
  ],
  [
    'EndpointSlice.discovery.k8s.io',
    '{ addressType: IPv4, endpoints: [{ addresses: [10.0.0.1] }], ports: [{ port: 80 }, { name: x }] }',
    ['Name', 'AddressType', 'Ports', 'Endpoints', 'Age'],
    ['a', 'IPv4', '80,x', '10.0.0.1', '5m'],
  ],
  [
    'APIService.apiregistration.k8s.io',
    '{ spec: { service: { namespace: n, name: s }, groupPriorityMinimum: 1, versionPriority: 1 }, status: { conditions: [{ type: Available, status: "False", reason: Missing }] } }',
    ['Name', 'Service', 'Available', 'Age'],
    ['a', 'n/s', 'False (Missing)', '5m'],
  ],
  ['Lease.coordination.k8s.io', '{ spec: { holderIdentity: me } }', ['Name', 'Holder', 'Age'], ['a', 'me', '5m']],
  [
    'ServiceCIDR.networking.k8s.io',
    '{ spec: { cidrs: [10.96.0.0/12] } }',
    ['Name', 'CIDRs', 'Age'],
    ['a', '10.96.0.0/12', '5m'],
  ],
  [
    'IPAddress.networking.k8s.io',
    '{ spec: { parentRef: { resource: services, namespace: n, name: s } } }',
    ['Name', 'ParentRef'],
    ['a', 'services/n/s'],
  ],
]
for (const [kind, yaml, columns, want] of rows) {
  test(`${kind} shows the columns of kubectl`, () => {
    expect(headers(resourceOf(kind))).toEqual(columns)
    expect(cells(resourceOf(kind), yaml)).toEqual(want)
  })
}

test('horizontalPodAutoscalers of v1 say in annotations what only v2 knows', () => {
  const v1 = resourceOf('HorizontalPodAutoscaler.autoscaling')
  const object = decoded(v1, `{ spec: { ${hpa}, targetCPUUtilizationPercentage: 50 } }`)
  const stored = v1.storedAs?.toStored(object)
  expect(stored).toMatchObject({
    apiVersion: 'autoscaling/v2',
    spec: { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 50 } } }] },
  })
  const back = stored === undefined ? undefined : v1.storedAs?.fromStored(stored)
  expect(back).toMatchObject({ spec: { targetCPUUtilizationPercentage: 50, minReplicas: 1, maxReplicas: 3 } })
  expect(cells(v1, `{ spec: { ${hpa}, targetCPUUtilizationPercentage: 50 } }`)).toEqual([
    'a',
    'Deployment/d',
    'cpu: <unknown>/50%',
    '1',
    3,
    0,
    '5m',
  ])
})

test('networkPolicies mean both directions only when they have rules for both', () => {
  const policies = resourceOf('NetworkPolicy.networking.k8s.io')
  expect(decoded(policies, '{ spec: {} }')).toMatchObject({ spec: { policyTypes: ['Ingress'] } })
  expect(decoded(policies, '{ spec: { egress: [{ ports: [{ port: 53 }] }] } }')).toMatchObject({
    spec: { policyTypes: ['Ingress', 'Egress'], egress: [{ ports: [{ port: 53, protocol: 'TCP' }] }] },
  })
})
