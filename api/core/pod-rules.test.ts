import { expect, test } from 'vitest'
import { createCauses, decoded, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'
import { podWarnings } from './pod-warnings.ts'
import { pullPolicyOf } from './pull-policy.ts'
import type { Pod } from './v1.ts'

const pods = resourceOf('Pod')
const pod = (spec: string, container = '', metadata = '') =>
  `{ metadata: { ${metadata} }, spec: { containers: [{ name: c, image: i${container === '' ? '' : `, ${container}`} }]${spec === '' ? '' : `, ${spec}`} } }`
const c0 = 'spec.containers[0]'

const refused: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'a claim that the pod does not have',
    pod('resourceClaims: [{ name: a, resourceClaimName: x }]', 'resources: { claims: [{ name: b }] }'),
    [`${c0}.resources.claims[0]: Not found: "b": must be one of the names in pod.spec.resourceClaims: a`],
  ],
  [
    'a claim of two kinds, as its own struct',
    pod('resourceClaims: [{ name: a, resourceClaimName: x, resourceClaimTemplateName: y }]'),
    [
      'spec.resourceClaims[0]: Invalid value: {"Name":"a","ResourceClaimName":"x","ResourceClaimTemplateName":"y"}: at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
    ],
  ],
  [
    'half a huge page',
    pod('', 'resources: { limits: { cpu: 1, hugepages-2Mi: 3Mi } }'),
    [
      `${c0}.resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
      `${c0}.resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
    ],
  ],
  [
    'containers that ask for more than the pod has',
    pod('resources: { requests: { cpu: 1 }, limits: { cpu: 1 } }', 'resources: { limits: { cpu: 2 } }'),
    [
      'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
      'spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or equal to pod limits of 1',
    ],
  ],
  [
    'variables from a file that no emptyDir has',
    pod('', 'env: [{ name: A, valueFrom: { fileKeyRef: { volumeName: v, path: p, key: K } } }]'),
    [`${c0}.env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"`],
  ],
  [
    'a profile of another type, whole',
    pod('', 'securityContext: { seccompProfile: { type: Unconfined, localhostProfile: p } }'),
    [
      `${c0}.securityContext.seccompProfile.localhostProfile: Invalid value: {"Type":"Unconfined","LocalhostProfile":"p"}: can only be set when seccomp type is Localhost`,
    ],
  ],
  [
    'an annotation that says otherwise than the field',
    pod(
      'securityContext: { seccompProfile: { type: Unconfined } }',
      '',
      'annotations: { seccomp.security.alpha.kubernetes.io/pod: runtime/default }',
    ),
    ['spec.securityContext.seccompProfile.type: Forbidden: seccomp type in annotation and field must match'],
  ],
  [
    'Linux fields for Windows, and the other way round',
    pod('os: { name: windows }, hostPID: true', 'securityContext: { runAsUser: 5 }'),
    [
      'spec.hostPID: Forbidden: cannot be set for a windows pod',
      `${c0}.securityContext.runAsUser: Forbidden: cannot be set for a windows pod`,
    ],
  ],
  [
    "the node's namespaces with users of its own",
    pod('hostUsers: false, hostNetwork: true, hostIPC: true'),
    ['spec.hostNetwork: Forbidden: when `hostUsers` is false', 'spec.HostIPC: Forbidden: when `hostUsers` is false'],
  ],
  [
    'host processes in a network of their own',
    pod('os: { name: windows }, securityContext: { windowsOptions: { hostProcess: true } }'),
    ['spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers'],
  ],
  [
    'a Windows user with two backslashes',
    pod('securityContext: { windowsOptions: { runAsUserName: "a\\\\b\\\\c" } }'),
    [
      'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash',
    ],
  ],
]
for (const [name, yaml, want] of refused) {
  test(`validateNewPod() refuses ${name}`, () => expect(createCauses(pods, yaml)).toEqual(want))
}

test('validatePodUpdate() keeps the annotations that kubelets rely on', () => {
  const mirror = (text: string) => pod('nodeName: n', '', text)
  expect(updateCauses(pods, mirror(''), mirror('annotations: { kubernetes.io/config.mirror: b }'))).toEqual([
    'metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation',
  ])
})

const warned: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'volumes that nothing serves',
    pod('volumes: [{ name: v, rbd: { monitors: [a], image: i } }, { name: w, storageos: { volumeName: w } }]'),
    [
      'spec.volumes[0].rbd: deprecated in v1.28, non-functional in v1.31+',
      'spec.volumes[1].storageOS: deprecated in v1.22, non-functional in v1.25+',
    ],
  ],
  [
    'a file inside of a file',
    pod('volumes: [{ name: v, configMap: { name: m, items: [{ key: a, path: x }, { key: b, path: x/y }] } }]'),
    ['volume "v" (ConfigMap "m"): overlapping paths: "x/y" with "x"'],
  ],
  [
    'ports that get in each other’s way',
    pod('', 'ports: [{ containerPort: 80, hostPort: 81, name: a }, { containerPort: 80, hostIP: 1.2.3.4, name: a }]'),
    [
      `${c0}.ports[1]: hostIP set without hostPort: {Name:a HostPort:0 ContainerPort:80 Protocol:TCP HostIP:1.2.3.4}`,
      `${c0}.ports[1]: overlapping port definition with ${c0}.ports[0]`,
      `${c0}.ports[1]: duplicate port name "a" with ${c0}.ports[0], services and probes that select ports by name will use ${c0}.ports[0]`,
    ],
  ],
  [
    'old labels of nodes and addresses that are not written as they should be',
    pod('nodeSelector: { beta.kubernetes.io/os: linux }, hostAliases: [{ ip: "FD00::1", hostnames: [a] }]'),
    [
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.hostAliases[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
    ],
  ],
]
for (const [name, yaml, want] of warned) {
  test(`podWarnings() warns about ${name}`, () =>
    expect(podWarnings(decoded(pods, yaml) as unknown as Pod, undefined)).toEqual(want))
}

const images = {
  'a:latest': 'Always',
  'example.com:5000/a/b': 'Always',
  'a:1': 'IfNotPresent',
  'Not a name': 'IfNotPresent',
  '-': 'IfNotPresent',
  'UPPER/case': 'Always',
} as const
for (const [image, want] of Object.entries(images)) {
  test(`pullPolicyOf() makes ${want} of "${image}"`, () => expect(pullPolicyOf(image)).toBe(want))
}
