/** What the kinds that keep pods running have in common: selector, template, rolling updates and columns. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { parsePercent } from '../../apimachinery/int-or-string.ts'
import { isDns1123Label, isPercent } from '../../apimachinery/names.ts'
import { validateAlwaysRestart, validatePodTemplate } from '../core/pod-spec.ts'
import { workloadWarnings } from '../core/pod-warnings.ts'
import type { PodTemplateSpec } from '../core/v1.ts'
import { type Causes, invalidValues, nonNegative, sameJson, sortedMap, when } from '../meta/causes.ts'
import { containerImages, containerNames, formatSelectorColumn, text } from '../meta/columns.ts'
import { isEmptySelector, selects, validateLabelSelector } from '../meta/selectors.ts'
import type { LabelSelector } from '../meta/v1.ts'
import type { ApiObject, Column } from '../resource.ts'

type Spec = { readonly selector?: LabelSelector; readonly template: PodTemplateSpec }
type Kind = 'ReplicaSet' | 'DaemonSet' | 'StatefulSet'
const emptySelector = { ReplicaSet: 'deployment', DaemonSet: 'daemonset', StatefulSet: 'statefulset' } as const

/**
 * The selector is there, says something, and matches the template; the template is a long-running pod. What a wrong selector
 * hides differs from kind to kind.
 */
export function validateSelectorAndTemplate(spec: Spec, kind: Kind): Causes {
  const { selector, template } = spec
  const wrong = validateLabelSelector(selector, 'spec.selector')
  const empty = when(selector !== undefined && isEmptySelector(selector), () =>
    invalidValue('spec.selector', selector, `empty selector is invalid for ${emptySelector[kind]}`),
  )
  const pods = [
    ...validatePodTemplate(template, 'spec.template'),
    ...validateAlwaysRestart(template, 'spec.template', kind),
  ]
  if (kind === 'DaemonSet')
    return [...wrong, ...validateSelected(selector, template, 'spec.template'), ...empty, ...pods]
  const selectorCauses = [...when(selector === undefined, required('spec.selector')), ...wrong, ...empty]
  if (wrong.length === 0) {
    return [...selectorCauses, ...validateSelected(selector, template, 'spec.template'), ...pods]
  }
  // Nobody looks at a template below a wrong selector. Source: ValidateDeploymentSpec, ValidateStatefulSetSpec.
  return kind === 'StatefulSet'
    ? [
        ...selectorCauses,
        invalidValue('spec.selector', selector, ''),
        ...validateAlwaysRestart(template, 'spec.template', kind),
      ]
    : [...selectorCauses, invalidValue('spec.selector', selector, 'invalid label selector')]
}

/** A selector that does not match its own template would make pods without end; one that is absent matches nothing. */
export function validateSelected(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  field: string,
): Causes {
  const labels = template.metadata?.labels
  return when(selector === undefined || !selects(selector, labels ?? {}), () =>
    invalidValue(
      `${field}.metadata.labels`,
      labels === undefined ? null : sortedMap(labels),
      '`selector` does not match template `labels`',
    ),
  )
}

/** Zero or more, or a percentage. Source: `ValidatePositiveIntOrPercent`. */
export function validateIntOrPercent(field: string, value: number | string): Causes {
  return typeof value === 'number' ? nonNegative(field, value) : invalidValues(field, value, isPercent(value))
}

/** Source: `IsNotMoreThan100Percent`. */
export function validateAtMost100Percent(field: string, value: number | string): Causes {
  const percent = typeof value === 'string' && isPercent(value).length === 0 ? (parsePercent(value) ?? 0) : 0
  return when(percent > 100, invalidValue(field, value, 'must not be greater than 100%'))
}

/** Nothing, as upstream reads it: text that is neither a percentage nor a number counts as 0. Source: `getIntOrPercentValue`. */
export function isZero(value: number | string | undefined): boolean {
  if (value === undefined || typeof value === 'number') return value === undefined || value === 0
  if (isPercent(value).length === 0) return parsePercent(value) === 0
  return !/^[-+]?\d+$/.test(value) || Number(value) === 0
}

/** How often a hash had to be avoided only grows. */
export function validateCollisions(
  { collisionCount }: { readonly collisionCount?: number },
  old: { readonly collisionCount?: number } | undefined,
): Causes {
  const decremented = old?.collisionCount !== undefined && (collisionCount ?? -1) < old.collisionCount
  return when(decremented, invalidValue('status.collisionCount', collisionCount ?? 0, 'cannot be decremented'))
}

/** Numbers of a status that may not be negative. */
export function validateCounts(status: Readonly<Record<string, unknown>>, keys: readonly string[]): Causes {
  return keys.flatMap((key) => {
    const value = status[key]
    return typeof value === 'number' ? nonNegative(`status.${key}`, value) : []
  })
}

/** A part of a status that may not exceed another. */
export function notMoreThan(
  status: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  limit: string,
  words: string,
): Causes {
  const max = status[limit] ?? 0
  return keys.flatMap((key) => {
    const value = status[key] ?? 0
    const tooMuch = typeof value === 'number' && typeof max === 'number' && value > max
    return tooMuch ? [invalidValue(`status.${key}`, value, `cannot be greater than ${words}`)] : []
  })
}

type Workload = ApiObject & { readonly spec: { readonly template: PodTemplateSpec; readonly selector?: LabelSelector } }

/** Containers, images and selector, in wide output. */
export const templateColumns: readonly Column<Workload>[] = [
  text('Containers', ({ spec }) => containerNames(spec.template), true),
  text('Images', ({ spec }) => containerImages(spec.template), true),
  text('Selector', ({ spec }) => formatSelectorColumn(spec.selector), true),
]

/** A name that is no DNS label makes odd pod names; a template may hold odd things. */
export function warnAboutWorkload(object: Workload, old: Workload | undefined): readonly string[] {
  return [...(old === undefined ? nameWarnings(object.metadata.name) : []), ...warnAboutTemplate(object, old)]
}

/** Says that pods will be called by this name. */
export function nameWarnings(name: string): readonly string[] {
  const messages = isDns1123Label(name)
  if (messages.length === 0) return []
  return [
    `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`,
  ]
}

/** What is odd in a template that is new. */
export function warnAboutTemplate(object: Workload, old: Workload | undefined): readonly string[] {
  return workloadWarnings(object.spec.template, old === undefined || !sameJson(object.spec.template, old.spec.template))
}
