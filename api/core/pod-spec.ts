/** Rules of a pod's spec, of pods and of templates alike. Source: `ValidatePodSpec`, `ValidatePodTemplateSpec`. */
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooMany,
} from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain, isIpAddress, isQualifiedName } from '../../apimachinery/names.ts'
import { type Causes, each, eachEntry, inRange, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateAnnotations, validateLabels } from '../meta/validation.ts'
import { validateContainers } from './containers.ts'
import { validateContainerResourceName, validatePodResources, validateQuantity } from './resource-requirements.ts'
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling.ts'
import { validatePodSecurityContext } from './security-context.ts'
import type { PodDNSConfig, PodSpec, PodTemplateSpec } from './v1.ts'
import { validateVolumes } from './volumes.ts'

const maxInt32 = 2147483647
const restartPolicies = ['Always', 'Never', 'OnFailure']
const dnsPolicies = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None']

/** What is wrong with a pod's spec; `podName` is empty for a template. */
export function validatePodSpec(spec: PodSpec, field: string, podName = ''): Causes {
  const { restartPolicy = '', dnsPolicy = '', activeDeadlineSeconds, preemptionPolicy, os } = spec
  return [
    ...validateVolumes(spec.volumes, `${field}.volumes`, podName),
    ...validateContainers(spec, field),
    ...validateResourceClaims(spec, `${field}.resourceClaims`),
    ...(restartPolicy === ''
      ? [required(`${field}.restartPolicy`)]
      : oneOf(`${field}.restartPolicy`, restartPolicy, restartPolicies)),
    ...(dnsPolicy === '' ? [required(`${field}.dnsPolicy`)] : oneOf(`${field}.dnsPolicy`, dnsPolicy, dnsPolicies)),
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...validatePodSecurityContext(spec.securityContext, spec, `${field}.securityContext`),
    ...validateAffinity(spec.affinity, `${field}.affinity`),
    ...validateDnsConfig(spec, `${field}.dnsConfig`),
    ...each(`${field}.readinessGates`, spec.readinessGates, ({ conditionType }, path) =>
      invalidValues(`${path}.conditionType`, conditionType, isQualifiedName(conditionType)),
    ),
    ...validateGates(spec, `${field}.schedulingGates`),
    ...validateTopologySpread(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`),
    ...validateOptionalNames(spec, field),
    ...(activeDeadlineSeconds === undefined
      ? []
      : inRange(`${field}.activeDeadlineSeconds`, activeDeadlineSeconds, 1, maxInt32)),
    ...validateTolerations(spec.tolerations, `${field}.tolerations`),
    ...validateHostAliases(spec, `${field}.hostAliases`),
    ...(preemptionPolicy === undefined
      ? []
      : oneOf(`${field}.preemptionPolicy`, preemptionPolicy, ['Never', 'PreemptLowerPriority'])),
    ...eachEntry(`${field}.overhead`, spec.overhead, (text, path, name) => [
      ...validateContainerResourceName(name, path),
      ...validateQuantity(name, text, path),
    ]),
    ...(spec.resources === undefined ? [] : validatePodResources(spec.resources, `${field}.resources`)),
    ...(os === undefined
      ? []
      : os.name === ''
        ? [required(`${field}.os.name`)]
        : oneOf(`${field}.os.name`, os.name, ['linux', 'windows'])),
    ...when(
      spec.hostUsers === false && spec.hostNetwork === true,
      forbiddenField(`${field}.hostNetwork`, 'when `hostUsers` is false'),
    ),
  ]
}

/** Names that may be absent, each with its rule. */
function validateOptionalNames(spec: PodSpec, field: string): Causes {
  const rules = [
    ['serviceAccountName', isDns1123Subdomain],
    ['nodeName', isDns1123Subdomain],
    ['hostname', isDns1123Label],
    ['subdomain', isDns1123Label],
    ['priorityClassName', isDns1123Subdomain],
    ['runtimeClassName', isDns1123Subdomain],
    ['hostnameOverride', isDns1123Subdomain],
  ] as const
  return rules.flatMap(([key, rule]) => {
    const name = spec[key] ?? ''
    return name === '' ? [] : invalidValues(`${field}.${key}`, name, rule(name))
  })
}

function validateGates({ schedulingGates, nodeName = '' }: PodSpec, field: string): Causes {
  const again = new Set(repeats((schedulingGates ?? []).map(({ name }) => name)))
  return [
    ...each(field, schedulingGates, ({ name }, path, index) => [
      ...invalidValues(path, name, isQualifiedName(name)),
      ...when(again.has(index), () => duplicate(path, name)),
    ]),
    ...when(
      nodeName !== '' && (schedulingGates ?? []).length > 0,
      forbiddenField(
        field.replace('schedulingGates', 'nodeName'),
        'cannot be set until all schedulingGates have been cleared',
      ),
    ),
  ]
}

function validateHostAliases({ hostAliases }: PodSpec, field: string): Causes {
  return each(field, hostAliases, ({ ip, hostnames }) => [
    ...invalidValues(`${field}.ip`, ip, isIpAddress(ip)),
    ...(hostnames ?? []).flatMap((name) => invalidValues(`${field}.hostnames`, name, isDns1123Subdomain(name))),
  ])
}

function validateResourceClaims({ resourceClaims }: PodSpec, field: string): Causes {
  const again = new Set(repeats((resourceClaims ?? []).map(({ name }) => name)))
  return each(field, resourceClaims, ({ name, resourceClaimName, resourceClaimTemplateName }, path, index) => [
    ...(name === '' ? [required(`${path}.name`)] : invalidValues(`${path}.name`, name, isDns1123Label(name))),
    ...when(name !== '' && again.has(index), () => duplicate(`${path}.name`, name)),
    ...when(resourceClaimName !== undefined && resourceClaimTemplateName !== undefined, () =>
      invalidValue(
        path,
        { name, ...{ resourceClaimName, resourceClaimTemplateName } },
        'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
      ),
    ),
    ...when(resourceClaimName === undefined && resourceClaimTemplateName === undefined, () =>
      invalidValue(path, { name }, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'),
    ),
  ])
}

function validateDnsConfig({ dnsConfig, dnsPolicy }: PodSpec, field: string): Causes {
  const none = dnsPolicy === 'None'
  if (dnsConfig === undefined) {
    return when(none, required(field, 'must provide `dnsConfig` when `dnsPolicy` is None'))
  }
  return [
    ...when(
      none && (dnsConfig.nameservers ?? []).length === 0,
      required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
    ),
    ...validateDnsLists(dnsConfig, field),
  ]
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
      return search === '.' ? [] : invalidValues(path, search, isDns1123Subdomain(trimmed.replaceAll('_', 'x')))
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
    ...validateLabels(labels, `${field}.metadata.labels`),
    ...validateAnnotations(annotations, `${field}.metadata.annotations`),
    ...validatePodSpec(template.spec, `${field}.spec`),
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

/** A limit on a list, as upstream words it. */
export function atMost(field: string, items: readonly unknown[] | undefined, max: number): Causes {
  const count = items?.length ?? 0
  return when(count > max, tooMany(field, count, max))
}
