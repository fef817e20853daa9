/** Rules of what tells the scheduler where a pod may go. Source: pkg/apis/core/validation, affinity to topology spread. */
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain, isLabelValue } from '../../apimachinery/names.ts'
import { asInternal, type Causes, each, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { validateLabelKey } from '../meta/validation.ts'
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
  Toleration,
  TopologySpreadConstraint,
} from './v1.ts'

/** All three kinds of affinity. */
export function validateAffinity(affinity: Affinity | undefined, field: string): Causes {
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity ?? {}
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  const requiredTerms = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return [
    ...(requiredTerms === undefined
      ? []
      : validateNodeSelector(requiredTerms, `${field}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`)),
    ...each(`${field}.nodeAffinity.${preferred}`, nodeAffinity?.[preferred], ({ weight, preference }, path) => [
      ...validateWeight(weight, path),
      // Wrong values of a wish are warned about, not refused.
      ...validateTerm(preference, `${path}.preference`, false),
    ]),
    ...validatePodAffinity(podAffinity, `${field}.podAffinity`),
    ...validatePodAffinity(podAntiAffinity, `${field}.podAntiAffinity`),
  ]
}

function validateWeight(weight: number, field: string): Causes {
  return when(weight < 1 || weight > 100, () => invalidValue(`${field}.weight`, weight, 'must be in the range 1-100'))
}

/** At least one term, each in order. */
export function validateNodeSelector(selector: NodeSelector, field: string): Causes {
  const terms = selector.nodeSelectorTerms ?? []
  const path = `${field}.nodeSelectorTerms`
  if (terms.length === 0) return [required(path, 'must have at least one node selector term')]
  return each(path, terms, (term, termPath) => validateTerm(term, termPath, true))
}

function validateTerm(term: NodeSelectorTerm, field: string, checkValues: boolean): Causes {
  return [
    ...each(`${field}.matchExpressions`, term?.matchExpressions, (requirement, path) =>
      validateNodeRequirement(requirement, path, checkValues),
    ),
    ...each(`${field}.matchFields`, term?.matchFields, validateNodeField),
  ]
}

function validateNodeRequirement(
  { key, operator, values = [] }: NodeSelectorRequirement,
  field: string,
  checkValues: boolean,
): Causes {
  return [
    ...nodeOperator(operator, values, field),
    ...validateLabelKey(key, `${field}.key`),
    ...(checkValues
      ? each(`${field}.values`, values, (value, path) => invalidValues(path, value, isLabelValue(value)))
      : []),
  ]
}

function nodeOperator(operator: string, values: readonly string[], field: string): Causes {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return when(
        values.length === 0,
        required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"),
      )
    case 'Exists':
    case 'DoesNotExist':
      return when(
        values.length > 0,
        forbiddenField(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      )
    case 'Gt':
    case 'Lt':
      return when(
        values.length !== 1,
        required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
      )
    default:
      return [invalidValue(`${field}.operator`, operator, 'not a valid selector operator')]
  }
}

function validateNodeField({ key, operator, values = [] }: NodeSelectorRequirement, field: string): Causes {
  return [
    ...(operator === 'In' || operator === 'NotIn'
      ? when(
          values.length !== 1,
          required(
            `${field}.values`,
            "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
          ),
        )
      : [invalidValue(`${field}.operator`, operator, 'not a valid selector operator')]),
    ...(key === 'metadata.name'
      ? each(`${field}.values`, values, (value, path) => invalidValues(path, value, isDns1123Subdomain(value)))
      : [invalidValue(`${field}.key`, key, 'not a valid field selector key')]),
  ]
}

function validatePodAffinity(affinity: PodAffinity | undefined, field: string): Causes {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  return [
    ...each(`${field}.${required}`, affinity?.[required], validatePodTerm),
    ...each(`${field}.${preferred}`, affinity?.[preferred], ({ weight, podAffinityTerm }, path) => [
      ...validateWeight(weight, path),
      ...validatePodTerm(podAffinityTerm, `${path}.podAffinityTerm`),
    ]),
  ]
}

function validatePodTerm(term: PodAffinityTerm, field: string): Causes {
  const {
    labelSelector,
    namespaceSelector,
    namespaces,
    topologyKey = '',
    matchLabelKeys = [],
    mismatchLabelKeys = [],
  } = term
  return [
    ...validateLabelSelector(labelSelector, `${field}.labelSelector`),
    ...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`),
    ...each(`${field}.namespace`, namespaces, (name) =>
      invalidValues(`${field}.namespace`, name, isDns1123Label(name)),
    ),
    ...validateMatchKeys(matchLabelKeys, labelSelector !== undefined, `${field}.matchLabelKeys`),
    ...validateMatchKeys(mismatchLabelKeys, labelSelector !== undefined, `${field}.mismatchLabelKeys`),
    ...matchLabelKeys.flatMap((key, index) =>
      when(mismatchLabelKeys.includes(key), () =>
        invalidValue(`${field}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'),
      ),
    ),
    ...when(topologyKey === '', required(`${field}.topologyKey`, 'can not be empty')),
    ...validateLabelKey(topologyKey, `${field}.topologyKey`),
  ]
}

function validateMatchKeys(keys: readonly string[], hasSelector: boolean, field: string): Causes {
  if (keys.length > 0 && !hasSelector)
    return [forbiddenField(field, 'must not be specified when labelSelector is not set')]
  return each(field, keys, (key, path) => validateLabelKey(key, path))
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

/** A taint's effect; upstream keeps this order in its message. */
export function validateTaintEffect(effect: string | undefined, field: string, mayBeEmpty: boolean): Causes {
  if ((effect ?? '') === '') return mayBeEmpty ? [] : [required(field)]
  return effects.includes(effect ?? '') ? [] : [notSupported(field, effect, effects)]
}

const internalToleration = [
  ['Key', 'key', ''],
  ['Operator', 'operator', ''],
  ['Value', 'value', ''],
  ['Effect', 'effect', ''],
  ['TolerationSeconds', 'tolerationSeconds'],
] as const

/** All tolerations of a pod. */
export function validateTolerations(tolerations: readonly Toleration[] | undefined, field: string): Causes {
  return each(field, tolerations, (toleration, path) => {
    const { key = '', operator = '', value = '', effect = '', tolerationSeconds } = toleration
    return [
      ...(key === '' ? [] : validateLabelKey(key, `${path}.key`)),
      ...when(key === '' && operator !== 'Exists', () =>
        invalidValue(
          `${path}.operator`,
          operator,
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      ),
      ...when(tolerationSeconds !== undefined && effect !== 'NoExecute', () =>
        invalidValue(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
      ),
      ...tolerationOperator(toleration, operator, value, `${path}.operator`),
      ...validateTaintEffect(effect, `${path}.effect`, true),
    ]
  })
}

function tolerationOperator(toleration: Toleration, operator: string, value: string, field: string): Causes {
  switch (operator) {
    case '':
    case 'Equal': {
      const messages = isLabelValue(value)
      return when(messages.length > 0, () => invalidValue(field, value, messages.join(';')))
    }
    case 'Exists':
      return when(value !== '', () =>
        invalidValue(
          field,
          asInternal(toleration, internalToleration),
          "value must be empty when `operator` is 'Exists'",
        ),
      )
    default:
      return [notSupported(field, operator, ['Equal', 'Exists'])]
  }
}

/** All spread constraints of a pod. */
export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[] | undefined,
  field: string,
): Causes {
  const keys = (constraints ?? []).map(({ topologyKey, whenUnsatisfiable }) => `{${topologyKey}, ${whenUnsatisfiable}}`)
  const again = new Set(repeats(keys))
  return each(field, constraints, (constraint, path, index) => {
    const { maxSkew, topologyKey, whenUnsatisfiable, minDomains, nodeAffinityPolicy, nodeTaintsPolicy } = constraint
    return [
      ...when(maxSkew <= 0, () => invalidValue(`${path}.maxSkew`, maxSkew, 'must be greater than zero')),
      ...(topologyKey === '' ? [required(`${path}.topologyKey`, 'can not be empty')] : []),
      ...oneOf(`${path}.whenUnsatisfiable`, whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway']),
      ...when(again.has(index), () => duplicate(`${path}.{topologyKey, whenUnsatisfiable}`, keys[index])),
      ...when(minDomains !== undefined && minDomains <= 0, () =>
        invalidValue(`${path}.minDomains`, minDomains, 'must be greater than zero'),
      ),
      ...when(minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule', () =>
        invalidValue(
          `${path}.minDomains`,
          minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
        ),
      ),
      ...(nodeAffinityPolicy === undefined
        ? []
        : oneOf(`${path}.nodeAffinityPolicy`, nodeAffinityPolicy, ['Honor', 'Ignore'])),
      ...(nodeTaintsPolicy === undefined
        ? []
        : oneOf(`${path}.nodeTaintsPolicy`, nodeTaintsPolicy, ['Honor', 'Ignore'])),
      ...validateMatchKeys(
        constraint.matchLabelKeys ?? [],
        constraint.labelSelector !== undefined,
        `${path}.matchLabelKeys`,
      ),
      ...validateLabelSelector(constraint.labelSelector, `${path}.labelSelector`),
    ]
  })
}
