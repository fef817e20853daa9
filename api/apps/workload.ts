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

/** The selector is there, says something, and matches the template; the template is a long-running pod. */
export function validateSelectorAndTemplate({ selector, template }: Spec, kind: Kind): Causes {
  return [
    ...(selector === undefined
      ? [required('spec.selector')]
      : [
          ...validateLabelSelector(selector, 'spec.selector'),
          ...when(
            isEmptySelector(selector),
            invalidValue('spec.selector', selector, `empty selector is invalid for ${emptySelector[kind]}`),
          ),
        ]),
    ...validateSelected(selector, template, 'spec.template'),
    ...validatePodTemplate(template, 'spec.template'),
    ...validateAlwaysRestart(template, 'spec.template', kind),
  ]
}

/** A selector that does not match its own template would make pods without end. */
export function validateSelected(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  field: string,
): Causes {
  if (selector === undefined || isEmptySelector(selector)) return []
  const labels = template.metadata?.labels ?? {}
  return when(
    !selects(selector, labels),
    invalidValue(`${field}.metadata.labels`, sortedMap(labels), '`selector` does not match template `labels`'),
  )
}

/** Zero or more, or a percentage. Source: `ValidatePositiveIntOrPercent`. */
export function validateIntOrPercent(field: string, value: number | string): Causes {
  return typeof value === 'number' ? nonNegative(field, value) : invalidValues(field, value, isPercent(value))
}

/** Source: `IsNotMoreThan100Percent`. */
export function validateAtMost100Percent(field: string, value: number | string): Causes {
  const percent = typeof value === 'string' ? (parsePercent(value) ?? 0) : 0
  return when(percent > 100, invalidValue(field, value, 'must not be greater than 100%'))
}

/** `0` and `0%`. */
export function isZero(value: number | string | undefined): boolean {
  return value === undefined || value === 0 || (typeof value === 'string' && parsePercent(value) === 0)
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
  const messages = old === undefined ? isDns1123Label(object.metadata.name ?? '') : []
  return [
    ...(messages.length === 0
      ? []
      : [
          `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${messages.join(' ')}]`,
        ]),
    ...workloadWarnings(object.spec.template, old === undefined || !sameJson(object.spec.template, old.spec.template)),
  ]
}
