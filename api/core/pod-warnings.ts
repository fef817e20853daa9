/** What is allowed in a pod and yet deserves a word. Source: pkg/api/pod/warnings.go. */
import { quantityOf } from './pod-resources.ts'
import type { Container, Pod, PodSpec, PodTemplateSpec } from './v1.ts'

type Warnings = readonly string[]
type Metadata = { readonly annotations?: Readonly<Record<string, string>> }

const oldNodeLabels: Readonly<Record<string, string>> = {
  'beta.kubernetes.io/arch': 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  'beta.kubernetes.io/os': 'deprecated since v1.14; use "kubernetes.io/os" instead',
  'failure-domain.beta.kubernetes.io/region': 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  'failure-domain.beta.kubernetes.io/zone': 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  'beta.kubernetes.io/instance-type': 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
const oldAnnotations: Readonly<Record<string, string>> = {
  'scheduler.alpha.kubernetes.io/critical-pod': 'non-functional in v1.16+; use the "priorityClassName" field instead',
  'seccomp.security.alpha.kubernetes.io/pod': 'non-functional in v1.27+; use the "seccompProfile" field instead',
  'security.alpha.kubernetes.io/sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
  'security.alpha.kubernetes.io/unsafe-sysctls': 'non-functional in v1.11+; use the "sysctls" field instead',
}

/** Warnings for a pod. */
export function podWarnings(pod: Pod, old: Pod | undefined): Warnings {
  const specChanged = old === undefined || old.metadata.generation !== pod.metadata.generation
  return specChanged ? templateWarnings(pod, '') : []
}

/** Warnings for a pod or a template at `prefix`, such as `spec.template.`. */
export function templateWarnings(template: { metadata: Metadata; spec: PodSpec }, prefix: string): Warnings {
  const { spec, metadata } = template
  return [
    ...Object.keys(spec.nodeSelector ?? {}).flatMap((key) =>
      deprecated(`${prefix}spec.nodeSelector[${key}]`, oldNodeLabels[key]),
    ),
    ...spreadWarnings(spec, `${prefix}spec`),
    ...Object.keys(metadata.annotations ?? {}).flatMap((key) =>
      deprecated(`${prefix}metadata.annotations[${key}]`, oldAnnotations[key]),
    ),
    ...(spec.volumes ?? []).flatMap((volume, index) =>
      volume.gitRepo === undefined
        ? []
        : [`${prefix}spec.volumes[${index}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+`],
    ),
    ...nameWarnings(spec.imagePullSecrets, `${prefix}spec.imagePullSecrets`),
    ...(['initContainers', 'containers'] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap((container, index) => containerWarnings(container, `${prefix}spec.${list}[${index}]`)),
    ),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${prefix}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
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

function spreadWarnings({ topologySpreadConstraints, affinity }: PodSpec, field: string): Warnings {
  const noSelector = 'a null labelSelector results in matching no pod'
  const terms = (['podAffinity', 'podAntiAffinity'] as const).flatMap((kind) => {
    const list = affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    return list.map((term, index) => ({
      term,
      path: `${field}.affinity.${kind}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`,
    }))
  })
  const spreads = (topologySpreadConstraints ?? []).map((term, index) => ({
    term,
    path: `${field}.topologySpreadConstraints[${index}]`,
  }))
  return [...terms, ...spreads].flatMap(({ term, path }) => [
    ...(term.labelSelector === undefined ? [`${path}.labelSelector: ${noSelector}`] : []),
    ...deprecated(`${path}.topologyKey`, oldNodeLabels[term.topologyKey]),
  ])
}

function nameWarnings(names: readonly { readonly name: string }[] | undefined, field: string): Warnings {
  return (names ?? []).flatMap(({ name }, index) => [
    ...(name === '' ? [`${field}[${index}].name: invalid empty name ""`] : []),
  ])
}

function containerWarnings(container: Container, field: string): Warnings {
  return [...envWarnings(container, field), ...portWarnings(container, field), ...fractionWarnings(container, field)]
}

function envWarnings({ env = [] }: Container, field: string): Warnings {
  const seen = new Set<string>()
  return env.flatMap(({ name, value = '' }, index) => {
    const again = seen.has(name) && !value.includes(`$(${name})`)
    seen.add(name)
    return again
      ? [`${field}.env[${index}]: hides previous definition of "${name}", which may be dropped when using apply`]
      : []
  })
}

function portWarnings({ ports = [] }: Container, field: string): Warnings {
  return ports.flatMap((port, index) => {
    const first = ports.findIndex(
      (other) =>
        other.containerPort === port.containerPort &&
        other.protocol === port.protocol &&
        (other.hostPort ?? 0) === (port.hostPort ?? 0) &&
        (other.hostIP ?? '') === (port.hostIP ?? ''),
    )
    return first === index ? [] : [`${field}.ports[${index}]: duplicate port definition with ${field}.ports[${first}]`]
  })
}

function fractionWarnings({ resources }: Container, field: string): Warnings {
  return (['limits', 'requests'] as const).flatMap((list) =>
    (['memory', 'ephemeral-storage'] as const).flatMap((name) => {
      const text = resources?.[list]?.[name]
      if (text === undefined || quantityOf(text).nano % 1_000_000_000n === 0n) return []
      return [`${field}.resources.${list}[${name}]: fractional byte value "${text}" is invalid, must be an integer`]
    }),
  )
}
