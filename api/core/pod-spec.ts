/** Rules of a pod's spec, of pods and of templates alike. Source: `ValidatePodSpec`, `ValidatePodTemplateSpec`. */
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from '../../apimachinery/field-errors.ts'
import {
  isDns1123Label,
  isDns1123Subdomain,
  isDns1123SubdomainWithUnderscore,
  isIpAddress,
  isQualifiedName,
} from '../../apimachinery/names.ts'
import {
  asInternal,
  type Causes,
  each,
  eachEntry,
  inRange,
  invalidValues,
  oneOfInOrder,
  repeats,
  when,
} from '../meta/causes.ts'
import { validateAnnotations, validateLabels } from '../meta/validation.ts'
import { validateContainers } from './containers.ts'
import { validateEnvFileVolumes } from './env.ts'
import { mirrorAnnotation, validatePodAnnotations, validateProfilesAgree } from './pod-annotations.ts'
import { eachContainer } from './pod-containers.ts'
import { validateContainerResourceName, validatePodResources, validateQuantity } from './resource-requirements.ts'
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling.ts'
import { validatePodSecurityContext } from './security-context.ts'
import type { PodDNSConfig, PodSpec, PodTemplateSpec } from './v1.ts'
import { validateVolumes } from './volumes.ts'
import { validateHostProcess, validateOs } from './windows-pod.ts'

const maxInt32 = 2147483647

/** What is wrong with a pod's spec; `podName` is empty for a template. */
export function validatePodSpec(spec: PodSpec, field: string, podName = '', annotations: Annotations = {}): Causes {
  const { restartPolicy, dnsPolicy, activeDeadlineSeconds: deadline, preemptionPolicy } = spec
  const volumes = validateVolumes(spec.volumes, `${field}.volumes`, podName)
  return [
    ...volumes.causes,
    ...validateResourceClaims(spec, `${field}.resourceClaims`, annotations[mirrorAnnotation] !== undefined),
    ...validateContainers(spec, volumes.known, field),
    ...validatePodResources(spec, `${field}.resources`),
    ...validateHostPorts(spec, field, podName !== ''),
    ...oneOfInOrder(`${field}.restartPolicy`, restartPolicy, ['Always', 'OnFailure', 'Never']),
    ...oneOfInOrder(`${field}.dnsPolicy`, dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']),
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...validatePodSecurityContext(spec.securityContext, spec, `${field}.securityContext`),
    ...validateAffinity(spec.affinity, `${field}.affinity`),
    ...validateDnsConfig(spec, `${field}.dnsConfig`),
    ...each(`${field}.readinessGates`, spec.readinessGates, ({ conditionType }, path) =>
      invalidValues(`${path}.conditionType`, conditionType, isQualifiedName(conditionType)),
    ),
    ...validateGates(spec, `${field}.schedulingGates`),
    ...validateTopologySpread(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`),
    ...validateHostProcess(spec, field),
    ...validateHostUsers(spec, field),
    ...validateHostnameOverride(spec, field),
    ...optionalName(spec, 'serviceAccountName', isDns1123Subdomain, field),
    ...optionalName(spec, 'nodeName', isDns1123Subdomain, field),
    ...(deadline === undefined ? [] : inRange(`${field}.activeDeadlineSeconds`, deadline, 1, maxInt32)),
    ...optionalName(spec, 'hostname', isDns1123Label, field),
    ...optionalName(spec, 'subdomain', isDns1123Label, field),
    ...validateTolerations(spec.tolerations, `${field}.tolerations`),
    ...validateHostAliases(spec, `${field}.hostAliases`),
    ...optionalName(spec, 'priorityClassName', isDns1123Subdomain, field),
    ...(spec.runtimeClassName === undefined
      ? []
      : invalidValues(`${field}.runtimeClassName`, spec.runtimeClassName, isDns1123Subdomain(spec.runtimeClassName))),
    ...(preemptionPolicy === undefined
      ? []
      : oneOfInOrder(`${field}.preemptionPolicy`, preemptionPolicy, ['PreemptLowerPriority', 'Never'])),
    ...eachEntry(`${field}.overhead`, spec.overhead, (text, path, name) => [
      ...validateContainerResourceName(name, path),
      ...validateQuantity(name, text, path),
    ]),
    ...validateOs(spec, field),
    ...validateEnvFileVolumes(spec, field),
  ]
}

type Annotations = Readonly<Record<string, string>>

function optionalName(
  spec: PodSpec,
  key: 'serviceAccountName' | 'nodeName' | 'hostname' | 'subdomain' | 'priorityClassName',
  rule: (name: string) => readonly string[],
  field: string,
): Causes {
  const name = spec[key] ?? ''
  return name === '' ? [] : invalidValues(`${field}.${key}`, name, rule(name))
}

/** In the node's network a port is what it is; a template's may still be filled in. Source: `validatePodHostNetworkDeps`. */
function validateHostPorts({ hostNetwork, containers }: PodSpec, field: string, isPod: boolean): Causes {
  if (hostNetwork !== true) return []
  return each(`${field}.containers`, containers, ({ ports }, path) =>
    each(`${path}.ports`, ports, ({ hostPort = 0, containerPort }, port) =>
      when((isPod || hostPort !== 0) && hostPort !== containerPort, () =>
        invalidValue(`${port}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true'),
      ),
    ),
  )
}

/** Users of its own and the node's other namespaces do not go together. Upstream writes two of the names in capitals. */
function validateHostUsers(spec: PodSpec, field: string): Causes {
  if (spec.hostUsers !== false) return []
  const shared = [
    ['hostNetwork', spec.hostNetwork],
    ['HostPID', spec.hostPID],
    ['HostIPC', spec.hostIPC],
  ] as const
  const cannot = (path: string) => forbiddenField(path, 'when `hostUsers` is false')
  return [
    ...shared.filter(([, on]) => on === true).map(([name]) => cannot(`${field}.${name}`)),
    ...eachContainer(spec, field).flatMap(({ container, path }) =>
      when((container.volumeDevices ?? []).length > 0, cannot(`${path}.volumeDevices`)),
    ),
  ]
}

/** The longest name that Linux gives a machine. */
const maxHostname = 64

function validateHostnameOverride(spec: PodSpec, field: string): Causes {
  const { hostnameOverride: name, setHostnameAsFQDN, hostNetwork } = spec
  if (name === undefined) return []
  const path = `${field}.hostnameOverride`
  return [
    ...when(setHostnameAsFQDN === true, forbiddenField(path, 'may not be specified when setHostnameAsFQDN is true')),
    ...when(hostNetwork === true, forbiddenField(path, 'may not be specified when hostNetwork is true')),
    ...when(name.length > maxHostname, tooLong(path, maxHostname)),
    ...invalidValues(path, name, isDns1123Subdomain(name)),
  ]
}

function validateGates({ schedulingGates }: PodSpec, field: string): Causes {
  const again = new Set(repeats((schedulingGates ?? []).map(({ name }) => name)))
  return each(field, schedulingGates, ({ name }, path, index) => [
    ...invalidValues(path, name, isQualifiedName(name)),
    ...when(again.has(index), () => duplicate(path, name)),
  ])
}

function validateHostAliases({ hostAliases }: PodSpec, field: string): Causes {
  return each(field, hostAliases, ({ ip, hostnames }, path) => [
    ...invalidValues(`${path}.ip`, ip, isIpAddress(ip)),
    ...each(`${path}.hostnames`, hostnames, (name, at) => invalidValues(at, name, isDns1123Subdomain(name))),
  ])
}

const internalClaim = [
  ['Name', 'name', ''],
  ['ResourceClaimName', 'resourceClaimName'],
  ['ResourceClaimTemplateName', 'resourceClaimTemplateName'],
] as const

function validateResourceClaims({ resourceClaims }: PodSpec, field: string, isMirror: boolean): Causes {
  const again = new Set(repeats((resourceClaims ?? []).map(({ name }) => name)))
  return each(field, resourceClaims, (claim, path, index) => {
    if (isMirror) return [forbiddenField('', 'static pods do not support resource claims')]
    const { name, resourceClaimName: own, resourceClaimTemplateName: template } = claim
    const shown = asInternal(claim, internalClaim)
    return [
      ...(name === ''
        ? [required(`${path}.name`)]
        : again.has(index)
          ? [duplicate(`${path}.name`, name)]
          : invalidValues(`${path}.name`, name, isDns1123Label(name))),
      ...when(own !== undefined && template !== undefined, () =>
        invalidValue(path, shown, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified'),
      ),
      ...when(own === undefined && template === undefined, () =>
        invalidValue(path, shown, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'),
      ),
      ...(own === undefined ? [] : invalidValues(`${path}.resourceClaimName`, own, isDns1123Subdomain(own))),
      ...(template === undefined
        ? []
        : invalidValues(`${path}.resourceClaimTemplateName`, template, isDns1123Subdomain(template))),
    ]
  })
}

function validateDnsConfig({ dnsConfig, dnsPolicy }: PodSpec, field: string): Causes {
  const none = dnsPolicy === 'None'
  if (dnsConfig === undefined) {
    return when(none, required(field, 'must provide `dnsConfig` when `dnsPolicy` is None'))
  }
  if (none && (dnsConfig.nameservers ?? []).length === 0) {
    return [required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')]
  }
  return validateDnsLists(dnsConfig, field)
}

/** Limits of resolv.conf. */
const maxNameservers = 3
const maxSearches = 32
const maxSearchCharacters = 2048

function validateDnsLists({ nameservers = [], searches = [], options = [] }: PodDNSConfig, field: string): Causes {
  return [
    ...when(nameservers.length > maxNameservers, () =>
      invalidValue(`${field}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`),
    ),
    ...each(`${field}.nameservers`, nameservers, (address, path) => invalidValues(path, address, isIpAddress(address))),
    ...when(searches.length > maxSearches, () =>
      invalidValue(`${field}.searches`, searches, `must not have more than ${maxSearches} search paths`),
    ),
    ...when(searches.join(' ').length > maxSearchCharacters, () =>
      invalidValue(
        `${field}.searches`,
        searches,
        `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`,
      ),
    ),
    ...each(`${field}.searches`, searches, (search, path) => {
      const trimmed = search.replace(/\.$/, '')
      return search === '.' ? [] : invalidValues(path, trimmed, isDns1123SubdomainWithUnderscore(trimmed))
    }),
    ...each(`${field}.options`, options, ({ name = '' }, path) =>
      when(name === '', required(path, 'must not be empty')),
    ),
  ]
}

/** A workload's pod template: labels, annotations and spec; it may not carry debugging containers. */
export function validatePodTemplate(template: PodTemplateSpec, field: string): Causes {
  const { labels, annotations } = template.metadata
  return [
    ...validateLabels(labels, `${field}.labels`),
    ...validateAnnotations(annotations, `${field}.annotations`),
    ...validatePodAnnotations(template, `${field}.annotations`),
    ...validatePodSpec(template.spec, `${field}.spec`),
    ...validateProfilesAgree(template, `${field}.spec`),
    ...when(
      (template.spec.ephemeralContainers ?? []).length > 0,
      forbiddenField(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'),
    ),
  ]
}

/** Long-running workloads restart their pods always. */
export function validateAlwaysRestart(template: PodTemplateSpec, field: string, kind: string): Causes {
  const { restartPolicy = '', activeDeadlineSeconds } = template.spec
  return [
    ...when(restartPolicy !== 'Always', () => notSupported(`${field}.spec.restartPolicy`, restartPolicy, ['Always'])),
    ...when(
      activeDeadlineSeconds !== undefined,
      forbiddenField(`${field}.spec.activeDeadlineSeconds`, `activeDeadlineSeconds in ${kind} is not Supported`),
    ),
  ]
}
