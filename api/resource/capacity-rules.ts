/** How much of a device can be asked for at a time. Source: pkg/apis/resource/validation, `validateRequestPolicy`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { addQuantities, compareQuantities, formatQuantity, wholeValue } from '../../apimachinery/quantity.ts'
import { quantityOf } from '../core/pod-resources.ts'
import { type Causes, when } from '../meta/causes.ts'
import { eachDistinct } from './lists.ts'
import type { CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity } from './v1.ts'

const maxOptions = 10

/** Only what is shared has a policy of how it is shared. */
export function validateCapacity({ value, requestPolicy }: DeviceCapacity, isShared: boolean, field: string): Causes {
  const path = `${field}.requestPolicy`
  if (requestPolicy === undefined) return []
  return isShared
    ? validatePolicy(value, requestPolicy, path)
    : [forbiddenField(path, 'allowMultipleAllocations must be true')]
}

function validatePolicy(capacity: string, policy: CapacityRequestPolicy, field: string): Causes {
  const { default: usual, validValues = [], validRange } = policy
  const both = 'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time'
  if (validValues.length > 0 && validRange !== undefined) return [forbiddenField(field, both)]
  if (validValues.length > 0) {
    return usual === undefined
      ? [required(`${field}.default`, 'required when validValues is defined')]
      : validateOptions(usual, capacity, validValues, `${field}.validValues`)
  }
  if (validRange === undefined) return []
  return usual === undefined
    ? [required(`${field}.default`, 'required when validRange is defined')]
    : validateRange(usual, capacity, validRange, `${field}.validRange`)
}

function compare(a: string, b: string): number {
  return compareQuantities(quantityOf(a), quantityOf(b))
}

/** `detail` when `a` is more than `b`. */
function noMore(a: string, b: string, field: string, shown: string, detail: string): Causes {
  return when(compare(a, b) > 0, () => invalidValue(field, shown, detail))
}

function validateOptions(usual: string, capacity: string, options: readonly string[], field: string): Causes {
  const sorted = options.flatMap((option, index) =>
    index === 0
      ? []
      : noMore(
          options[index - 1] ?? '',
          option,
          `${field}[${index}]`,
          option,
          'values must be sorted in ascending order',
        ),
  )
  const isOption = options.length <= maxOptions && options.some((option) => compare(option, usual) === 0)
  return [
    ...sorted,
    ...eachDistinct(
      field,
      options,
      maxOptions,
      (option) => String(wholeValue(option)),
      (option, path) => noMore(option, capacity, path, option, `option is larger than capacity value: ${capacity}`),
    ),
    ...when(!isOption, () => invalidValue(field, usual, 'default value is not valid according to the requestPolicy')),
  ]
}

function validateRange(usual: string, capacity: string, range: CapacityRequestPolicyRange, field: string): Causes {
  const { min, max, step } = range
  if (min === undefined) return [required(`${field}.min`, 'required when validRange is defined')]
  return [
    ...noMore(min, capacity, `${field}.min`, min, `min is larger than capacity value: ${capacity}`),
    ...noMore(min, usual, `${field}.min`, usual, `default is less than min: ${min}`),
    ...(max === undefined ? [] : validateMax(usual, capacity, min, max, `${field}.max`)),
    ...(step === undefined ? [] : validateStep(usual, capacity, { ...range, min, step }, `${field}.step`)),
  ]
}

function validateMax(usual: string, capacity: string, min: string, max: string, field: string): Causes {
  return [
    ...noMore(min, max, field, min, `min is larger than max: ${max}`),
    ...noMore(max, capacity, field, max, `max is larger than capacity value: ${capacity}`),
    ...noMore(usual, max, field, usual, `default is more than max: ${max}`),
  ]
}

type Steps = CapacityRequestPolicyRange & { readonly min: string; readonly step: string }

function validateStep(usual: string, capacity: string, { min, max, step }: Steps, field: string): Causes {
  const first = formatQuantity(addQuantities(quantityOf(min), quantityOf(step)))
  const isMultiple = (value: string) => (wholeValue(value) - wholeValue(min)) % wholeValue(step) === 0
  return [
    ...noMore(first, capacity, field, step, `one step ${first} is larger than capacity value: ${capacity}`),
    ...[usual, ...(max === undefined ? [] : [max])].flatMap((value) =>
      when(!isMultiple(value), () =>
        invalidValue(field, value, `value is not a multiple of a given step (${step}) from (${min})`),
      ),
    ),
  ]
}
