/** Rules of label selectors inside objects. Source: apimachinery/pkg/apis/meta/v1/validation. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isLabelValue } from '../../apimachinery/names.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { type Causes, each, invalidValues, when } from './causes.ts'
import type { LabelSelector, LabelSelectorRequirement } from './v1.ts'
import { validateLabelKey, validateLabels } from './validation.ts'

/** What is wrong with a label selector; an absent one is fine here. */
export function validateLabelSelector(selector: LabelSelector | undefined, field: string): Causes {
  return [
    ...validateLabels(selector?.matchLabels, `${field}.matchLabels`),
    ...each(`${field}.matchExpressions`, selector?.matchExpressions, validateRequirement),
  ]
}

function validateRequirement({ key, operator, values = [] }: LabelSelectorRequirement, field: string): Causes {
  return [
    ...operatorCauses(operator, values, field),
    ...validateLabelKey(key, `${field}.key`),
    ...each(`${field}.values`, values, (value, path) => invalidValues(path, value, isLabelValue(value))),
  ]
}

function operatorCauses(operator: string, values: readonly string[], field: string): Causes {
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
    default:
      return [invalidValue(`${field}.operator`, operator, 'not a valid selector operator')]
  }
}

/** True for a selector without any requirement. */
export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  return Object.keys(selector?.matchLabels ?? {}).length === 0 && (selector?.matchExpressions ?? []).length === 0
}

/** Whether labels fulfil a selector that may itself be wrong; a wrong one is reported elsewhere. */
export function selects(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (validateLabelSelector(selector, '').length > 0) return true
  return matches(selectorFromLabelSelector(selector), labels)
}
