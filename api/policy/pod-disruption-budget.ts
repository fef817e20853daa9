/** PodDisruptionBudget: how many pods may be away at once. Source: pkg/apis/policy/validation, `printPodDisruptionBudget`. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { validateAtMost100Percent, validateIntOrPercent } from '../apps/workload.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, nonNegative, oneOf, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text } from '../meta/columns.ts'
import { validateConditions } from '../meta/conditions.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from './v1.ts'

export const podDisruptionBudgets = defineResource<PodDisruptionBudget>({
  facts: factsOf('policy', 'poddisruptionbudgets'),
  definition: 'policy.v1.PodDisruptionBudget',
  metadataRules: { update: 'none', status: 'none', finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }) => validateSpec(spec),
  validateStatusUpdate: ({ status }) => [
    ...validateConditions(status.conditions, 'status.conditions'),
    ...(['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap((key) =>
      nonNegative(`status.${key}`, status[key]),
    ),
  ],
  columns: [
    nameColumn,
    text('Min Available', ({ spec }) => String(spec.minAvailable ?? 'N/A')),
    text('Max Unavailable', ({ spec }) => String(spec.maxUnavailable ?? 'N/A')),
    integer('Allowed Disruptions', ({ status }) => status.disruptionsAllowed),
    ageColumn,
  ],
})

const internalSpec = [
  ['MinAvailable', 'minAvailable'],
  ['Selector', 'selector'],
  ['MaxUnavailable', 'maxUnavailable'],
  ['UnhealthyPodEvictionPolicy', 'unhealthyPodEvictionPolicy'],
] as const

function validateSpec(spec: PodDisruptionBudgetSpec): Causes {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy: policy } = spec
  return [
    ...when(minAvailable !== undefined && maxUnavailable !== undefined, () =>
      invalidValue('spec', asInternal(spec, internalSpec), 'minAvailable and maxUnavailable cannot be both set'),
    ),
    ...(['minAvailable', 'maxUnavailable'] as const).flatMap((key) => validateShare(`spec.${key}`, spec[key])),
    ...validateLabelSelector(selector, 'spec.selector'),
    ...(policy === undefined
      ? []
      : oneOf('spec.unhealthyPodEvictionPolicy', policy, ['AlwaysAllow', 'IfHealthyBudget'])),
  ]
}

function validateShare(field: string, value: number | string | undefined): Causes {
  return value === undefined ? [] : [...validateIntOrPercent(field, value), ...validateAtMost100Percent(field, value)]
}
