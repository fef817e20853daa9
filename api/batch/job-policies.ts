/** When pods that failed count, and when a job is done early. Source: `validatePodFailurePolicy`, `validateSuccessPolicy`. */
import {
  duplicate,
  invalidValue,
  invalidWithoutValue,
  notSupported,
  required,
  tooLong,
} from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { asInternal, atMost, type Causes, each, invalidValues, nonNegative, repeats, when } from '../meta/causes.ts'
import { countIndexes } from './indexes.ts'
import type { JobSpec, PodFailurePolicyRule, SuccessPolicyRule } from './v1.ts'

const maxRules = 20
const maxExitCodes = 255
const maxPatterns = 20
const maxIndexesBytes = 64 * 1024
const actions = ['Count', 'FailIndex', 'FailJob', 'Ignore']

/** What is wrong with `podFailurePolicy`. */
export function validateFailurePolicy(
  { podFailurePolicy, template, backoffLimitPerIndex }: JobSpec,
  field: string,
): Causes {
  if (podFailurePolicy === undefined) return []
  const names = [...(template.spec.containers ?? []), ...(template.spec.initContainers ?? [])].map(({ name }) => name)
  return [
    ...atMost(`${field}.rules`, podFailurePolicy.rules, maxRules),
    ...each(`${field}.rules`, podFailurePolicy.rules, (rule, path) => [
      ...when(
        rule.action === 'FailIndex' && backoffLimitPerIndex === undefined,
        invalidValue(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'),
      ),
      ...validateWord(`${path}.action`, rule.action, actions),
      ...validateRule(rule, names, path),
    ]),
  ]
}

/** One of a few words, with a hint where there is none. */
function validateWord(field: string, value: string | undefined, words: readonly string[]): Causes {
  if (value === undefined || value === '') {
    return [required(field, `valid values: [${words.map((word) => JSON.stringify(word)).join(' ')}]`)]
  }
  return when(!words.includes(value), () => notSupported(field, value, words))
}

function validateRule(rule: PodFailurePolicyRule, names: readonly string[], field: string): Causes {
  const { onExitCodes, onPodConditions = [] } = rule
  const byCondition = onPodConditions.length > 0
  return [
    ...(onExitCodes === undefined ? [] : validateExitCodes(onExitCodes, names, `${field}.onExitCodes`)),
    ...atMost(`${field}.onPodConditions`, onPodConditions, maxPatterns),
    ...each(`${field}.onPodConditions`, onPodConditions, ({ type, status }, path) => [
      ...invalidValues(`${path}.type`, type, isQualifiedName(type)),
      ...validateWord(`${path}.status`, status, ['False', 'True', 'Unknown']),
    ]),
    ...when(
      onExitCodes !== undefined && byCondition,
      invalidWithoutValue(field, 'specifying both OnExitCodes and OnPodConditions is not supported'),
    ),
    ...when(
      onExitCodes === undefined && !byCondition,
      invalidWithoutValue(field, 'specifying one of OnExitCodes and OnPodConditions is required'),
    ),
  ]
}

type ExitCodes = NonNullable<PodFailurePolicyRule['onExitCodes']>

function validateExitCodes(
  { operator, containerName, values = [] }: ExitCodes,
  names: readonly string[],
  field: string,
): Causes {
  const path = `${field}.values`
  const seen = new Set(repeats(values.map(String)))
  return [
    ...validateWord(`${field}.operator`, operator, ['In', 'NotIn']),
    ...when(containerName !== undefined && !names.includes(containerName), () =>
      invalidValue(
        `${field}.containerName`,
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    ),
    // Absent shows as Go's nil; an empty list, which the decoder does not keep apart, would show as `[]`.
    ...when(values.length === 0, invalidValue(path, null, 'at least one value is required')),
    ...atMost(path, values, maxExitCodes),
    ...each(path, values, (value, item, index) => [
      ...when(operator === 'In' && value === 0, invalidValue(item, value, 'must not be 0 for the In operator')),
      ...when(seen.has(index), () => duplicate(item, value)),
    ]),
    ...when(
      values.some((value, index) => (values[index - 1] ?? value) > value),
      () => invalidValue(path, values, 'must be ordered'),
    ),
  ]
}

/** What is wrong with `successPolicy`. */
export function validateSuccessPolicy({ successPolicy, completionMode, completions }: JobSpec, field: string): Causes {
  if (successPolicy === undefined) return []
  const { rules } = successPolicy
  if (completionMode !== 'Indexed') {
    const given = { Rules: (rules ?? []).map(internalRule) }
    return [invalidValue(field, given, 'requires indexed completion mode')]
  }
  return [
    ...when(
      (rules ?? []).length === 0,
      required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified'),
    ),
    ...atMost(`${field}.rules`, rules, maxRules),
    ...each(`${field}.rules`, rules, (rule, path) => validateSuccessRule(rule, completions ?? 0, path)),
  ]
}

function internalRule(rule: SuccessPolicyRule): Json {
  return asInternal(rule, [
    ['SucceededIndexes', 'succeededIndexes'],
    ['SucceededCount', 'succeededCount'],
  ])
}

function validateSuccessRule(
  { succeededIndexes, succeededCount }: SuccessPolicyRule,
  completions: number,
  field: string,
): Causes {
  if (succeededIndexes === undefined && succeededCount === undefined) {
    return [required(field, 'at least one of succeededCount or succeededIndexes must be specified')]
  }
  const counted = countIndexes(succeededIndexes ?? '', completions)
  const total = typeof counted === 'number' ? counted : 0
  const path = `${field}.succeededCount`
  const atMostThat = (limit: number, what: string) =>
    when((succeededCount ?? 0) > limit, () =>
      invalidValue(path, succeededCount, `must be less than or equal to ${limit} (${what})`),
    )
  return [
    ...when((succeededIndexes ?? '').length > maxIndexesBytes, tooLong(`${field}.succeededIndexes`, maxIndexesBytes)),
    ...when(typeof counted === 'string', () =>
      invalidValue(`${field}.succeededIndexes`, succeededIndexes, `error parsing succeededIndexes: ${counted}`),
    ),
    ...nonNegative(path, succeededCount),
    ...(succeededCount === undefined
      ? []
      : [
          ...atMostThat(completions, 'the number of specified completions'),
          ...(succeededIndexes === undefined
            ? []
            : atMostThat(total, 'the number of indexes in the specified succeededIndexes field')),
        ]),
  ]
}
