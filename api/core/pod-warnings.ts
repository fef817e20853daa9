/** What is allowed in a pod and yet deserves a word. Source: pkg/api/pod/warnings.go. */
import { isLabelValue } from '../../apimachinery/names.ts'
import { ipWarnings } from '../meta/ip-warnings.ts'
import { fractionWarning } from './fraction-warning.ts'
import { eachContainer } from './pod-containers.ts'
import { portWarnings } from './port-warnings.ts'
import type { Container, NodeSelectorTerm, Pod, PodSpec, PodTemplateSpec } from './v1.ts'
import { volumeWarnings } from './volume-warnings.ts'

type Warnings = readonly string[]
type Metadata = { readonly annotations?: Readonly<Record<string, string>> }

const oldNodeLabels = new Map([
  ['beta.kubernetes.io/arch', 'deprecated since v1.14; use "kubernetes.io/arch" instead'],
  ['beta.kubernetes.io/os', 'deprecated since v1.14; use "kubernetes.io/os" instead'],
  ['failure-domain.beta.kubernetes.io/region', 'deprecated since v1.17; use "topology.kubernetes.io/region" instead'],
  ['failure-domain.beta.kubernetes.io/zone', 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead'],
  ['beta.kubernetes.io/instance-type', 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead'],
  ['app.kubernetes.io/created-by', 'deprecated since v1.9'],
  ['scheduler.alpha.kubernetes.io/preferAvoidPods', 'deprecated since v1.22; use Taints and Tolerations instead'],
  ['node-role.kubernetes.io/master', 'use "node-role.kubernetes.io/control-plane" instead'],
])
const oldAnnotations = [
  ['scheduler.alpha.kubernetes.io/critical-pod', 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ['security.alpha.kubernetes.io/sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
  ['security.alpha.kubernetes.io/unsafe-sysctls', 'non-functional in v1.11+; use the "sysctls" field instead'],
] as const
const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod'
const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/'
const appArmorContainer = 'container.apparmor.security.beta.kubernetes.io/'

/** Warnings for a pod. */
export function podWarnings(pod: Pod, old: Pod | undefined): Warnings {
  const specChanged = old === undefined || old.metadata.generation !== pod.metadata.generation
  return specChanged ? templateWarnings(pod, '') : []
}

/** Warnings for a pod or a template at `prefix`, such as `spec.template.`. */
export function templateWarnings(template: { metadata: Metadata; spec: PodSpec }, prefix: string): Warnings {
  const { spec, metadata } = template
  const annotations = metadata.annotations ?? {}
  const field = `${prefix}spec`
  return [
    ...Object.keys(spec.nodeSelector ?? {}).flatMap((key) =>
      deprecated(`${field}.nodeSelector[${key}]`, oldNodeLabels.get(key)),
    ),
    ...nodeAffinityWarnings(spec, `${field}.affinity.nodeAffinity`),
    ...spreadWarnings(spec, `${field}.topologySpreadConstraints`),
    ...oldAnnotations
      .filter(([key]) => annotations[key] !== undefined)
      .map(([key, message]) => `${prefix}metadata.annotations[${key}]: ${message}`),
    ...volumeWarnings(spec.volumes, `${field}.volumes`),
    ...repeated(spec.hostAliases, ({ ip }) => ip, `${field}.hostAliases`, 'ip'),
    ...repeated(spec.imagePullSecrets, ({ name = '' }) => name, `${field}.imagePullSecrets`, 'name'),
    ...nameWarnings(spec.imagePullSecrets, `${field}.imagePullSecrets`),
    ...bytes.flatMap((name) => fractionWarning(spec.overhead?.[name], `${field}.overhead[${name}]`)),
    ...(spec.securityContext?.seccompProfile === undefined ? seccompWarning(annotations, seccompPod, prefix) : []),
    ...eachContainer(spec, field).flatMap(({ container, path }) => [
      ...profileWarnings(container, template, prefix),
      ...fractionWarnings(container, path),
      ...envWarnings(container, path),
    ]),
    ...portWarnings(spec, field),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [`${field}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
    ...affinityWarnings(spec, `${field}.affinity`),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((ip, index) =>
      ipWarnings(ip, `${field}.dnsConfig.nameservers[${index}]`),
    ),
    ...(spec.hostAliases ?? []).flatMap(({ ip }, index) => ipWarnings(ip, `${field}.hostAliases[${index}].ip`)),
  ]
}

/** Warnings for a workload's template, when it is new or changed. */
export function workloadWarnings(
  template: PodTemplateSpec | undefined,
  changed: boolean,
  prefix = 'spec.template.',
): Warnings {
  return template === undefined || !changed ? [] : templateWarnings(template, prefix)
}

function deprecated(field: string, message: string | undefined): Warnings {
  return message === undefined ? [] : [`${field}: ${message}`]
}

function nodeAffinityWarnings({ affinity }: PodSpec, field: string): Warnings {
  const { requiredDuringSchedulingIgnoredDuringExecution: must, preferredDuringSchedulingIgnoredDuringExecution: may } =
    affinity?.nodeAffinity ?? {}
  return [
    ...(must?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      nodeTermWarnings(
        term,
        false,
        `${field}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`,
      ),
    ),
    ...(may ?? []).flatMap(({ preference }, index) =>
      nodeTermWarnings(
        preference,
        true,
        `${field}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`,
      ),
    ),
  ]
}

/** Old labels of nodes in a term and, where nothing else looks at them, values that no label can have. */
export function nodeTermWarnings(
  { matchExpressions = [] }: NodeSelectorTerm,
  checkValues: boolean,
  field: string,
): Warnings {
  return matchExpressions.flatMap(({ key, values = [] }, index) => {
    const path = `${field}.matchExpressions[${index}]`
    const message = oldNodeLabels.get(key)
    return [
      ...deprecated(`${path}.key`, message === undefined ? undefined : `${key} is ${message}`),
      ...(checkValues ? values : []).flatMap((value, at) =>
        isLabelValue(value).map((text) => `${path}.values[${at}]: ${value} is invalid, ${text}`),
      ),
    ]
  })
}

const noSelector = 'a null labelSelector results in matching no pod'

function spreadWarnings({ topologySpreadConstraints = [] }: PodSpec, field: string): Warnings {
  return topologySpreadConstraints.flatMap(({ topologyKey, labelSelector }, index) => {
    const message = oldNodeLabels.get(topologyKey)
    return [
      ...deprecated(
        `${field}[${index}].topologyKey`,
        message === undefined ? undefined : `${topologyKey} is ${message}`,
      ),
      ...(labelSelector === undefined ? [`${field}[${index}].labelSelector: ${noSelector}`] : []),
    ]
  })
}

function affinityWarnings({ affinity }: PodSpec, field: string): Warnings {
  return (['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
    const {
      requiredDuringSchedulingIgnoredDuringExecution: must = [],
      preferredDuringSchedulingIgnoredDuringExecution: may = [],
    } = affinity?.[kind] ?? {}
    const paths = [
      ...must.map((term, index) => ({
        term,
        path: `${field}.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`,
      })),
      ...may.map(({ podAffinityTerm: term }, index) => ({
        term,
        path: `${field}.${kind}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`,
      })),
    ]
    return paths
      .filter(({ term }) => term.labelSelector === undefined)
      .map(({ path }) => `${path}.labelSelector: ${noSelector}`)
  })
}

function repeated<T>(items: readonly T[] = [], key: (item: T) => string, field: string, name: string): Warnings {
  return items.flatMap((item, index) =>
    items.findIndex((other) => key(other) === key(item)) < index
      ? [`${field}[${index}].${name}: duplicate ${name} "${key(item)}"`]
      : [],
  )
}

function nameWarnings(names: readonly { readonly name?: string }[] | undefined, field: string): Warnings {
  return (names ?? []).flatMap(({ name = '' }, index) => [
    ...(name === '' ? [`${field}[${index}].name: invalid empty name ""`] : []),
  ])
}

function seccompWarning(annotations: Readonly<Record<string, string>>, key: string, prefix: string): Warnings {
  return annotations[key] === undefined
    ? []
    : [`${prefix}metadata.annotations[${key}]: non-functional in v1.27+; use the "seccompProfile" field instead`]
}

/** Old annotations without the field that took their place; those for AppArmor in templates only. */
function profileWarnings(
  { name, securityContext }: Container,
  { metadata, spec }: { readonly metadata: Metadata; readonly spec: PodSpec },
  prefix: string,
): Warnings {
  const annotations = metadata.annotations ?? {}
  const armor = annotations[`${appArmorContainer}${name}`]
  const hasField = securityContext?.appArmorProfile !== undefined || isSameProfile(spec, armor)
  return [
    ...(securityContext?.seccompProfile === undefined
      ? seccompWarning(annotations, `${seccompContainer}${name}`, prefix)
      : []),
    ...(prefix === '' || hasField || armor === undefined
      ? []
      : [
          `${prefix}metadata.annotations[${appArmorContainer}${name}]: deprecated since v1.30; use the "appArmorProfile" field instead`,
        ]),
  ]
}

function isSameProfile({ securityContext }: PodSpec, annotation = ''): boolean {
  const { type, localhostProfile = '' } = securityContext?.appArmorProfile ?? {}
  const names = {
    Unconfined: 'unconfined',
    RuntimeDefault: 'runtime/default',
    Localhost: `localhost/${localhostProfile}`,
  }
  return Object.entries(names).some(([key, name]) => key === type && name === annotation)
}

function envWarnings({ env = [] }: Container, field: string): Warnings {
  return env.flatMap(({ name, value = '', valueFrom }, index) => {
    const own = `$(${name})`
    const again = env.findIndex((other) => other.name === name) < index
    return again && (valueFrom !== undefined || value === own || !value.includes(own))
      ? [`${field}.env[${index}]: hides previous definition of "${name}", which may be dropped when using apply`]
      : []
  })
}

const bytes = ['memory', 'ephemeral-storage'] as const

function fractionWarnings({ resources }: Container, field: string): Warnings {
  return bytes.flatMap((name) =>
    (['limits', 'requests'] as const).flatMap((list) =>
      fractionWarning(resources?.[list]?.[name], `${field}.resources.${list}[${name}]`),
    ),
  )
}
