/** One device of a slice. Source: pkg/apis/resource/validation, `validateDevice`. */
import { invalidValue, required, tooLong, tooMany } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { validateNodeSelector } from '../core/scheduling.ts'
import { type Causes, invalidValues, sameJson, when } from '../meta/causes.ts'
import { byteLength } from '../meta/validation.ts'
import { validateCapacity } from './capacity-rules.ts'
import { validateAttributeName, validateBinding, validateLabelName, validateTaint } from './field-rules.ts'
import { asGo } from './internal.ts'
import { eachAtMost, eachDistinct, eachOfMap } from './lists.ts'
import type { Counter, Device, DeviceAttribute, DeviceCounterConsumption } from './v1.ts'

const maxAttributesAndCapacities = 32
const maxAttributeValues = 48
const maxTaints = 16
const maxConsumptions = 2
const maxCounters = 32
const longestAttributeName = 63 + 1 + 32
const longestAttributeValue = 64
const longestCounterName = 63

const number = '(0|[1-9]\\d*)'
const beforeRelease = '(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)'
const build = '[0-9a-zA-Z-]+'
const version = new RegExp(
  `^${number}\\.${number}\\.${number}(-${beforeRelease}(\\.${beforeRelease})*)?(\\+${build}(\\.${build})*)?$`,
)

/** `old`: the device of this name before; taints that it had already are not looked at again. */
export function validateDevice(device: Device, old: Device | undefined, isPlaced: boolean, field: string): Causes {
  return [
    ...validateLabelName(device.name, `${field}.name`),
    ...validateSize(device, field),
    ...eachOfMap(
      `${field}.attributes`,
      device.attributes,
      longestAttributeName,
      validateAttributeName,
      validateAttribute,
    ),
    ...eachOfMap(`${field}.capacity`, device.capacity, longestAttributeName, validateAttributeName, (capacity, path) =>
      validateCapacity(capacity, device.allowMultipleAllocations === true, path),
    ),
    ...(old !== undefined && sameJson(old.taints, device.taints)
      ? []
      : eachAtMost(`${field}.taints`, device.taints, maxTaints, validateTaint)),
    ...eachDistinct(
      `${field}.consumesCounters`,
      device.consumesCounters,
      maxConsumptions,
      ({ counterSet }) => counterSet,
      validateConsumption,
    ),
    ...(isPlaced ? validatePlace(device, field) : validateNoPlace(device, field)),
    ...validateBinding(device, field),
  ]
}

function validateSize({ attributes = {}, capacity = {} }: Device, field: string): Causes {
  const together = Object.keys(attributes).length + Object.keys(capacity).length
  const values = Object.values(attributes).reduce((sum, attribute) => sum + (listed(attribute) || 1), 0)
  return [
    ...when(together > maxAttributesAndCapacities, () =>
      invalidValue(
        field,
        together,
        `the total number of attributes and capacities must not exceed ${maxAttributesAndCapacities}`,
      ),
    ),
    ...when(values > maxAttributeValues, () =>
      invalidValue(field, values, `the total number of attribute values must not exceed ${maxAttributeValues}`),
    ),
  ]
}

function listed({ ints = [], bools = [], strings = [], versions = [] }: DeviceAttribute): number {
  return ints.length + bools.length + strings.length + versions.length
}

function validateAttribute(attribute: DeviceAttribute, field: string): Causes {
  const count = Object.values(attribute).filter((value) => value !== undefined).length
  const { string, version: text } = attribute
  return [
    ...(string === undefined ? [] : validateLength(string, `${field}.string`)),
    ...(text === undefined ? [] : validateVersion(text, `${field}.version`)),
    ...when(count !== 1, () =>
      invalidValue(field, count === 0 ? '' : asGo(attribute, 'attribute'), 'exactly one value must be specified'),
    ),
  ]
}

function validateLength(text: string, field: string): Causes {
  return when(byteLength(text) > longestAttributeValue, tooLong(field, longestAttributeValue))
}

function validateVersion(text: string, field: string): Causes {
  return [
    ...when(!version.test(text), () =>
      invalidValue(field, text, 'must be a string compatible with semver.org spec 2.0.0'),
    ),
    ...validateLength(text, field),
  ]
}

function validateConsumption({ counterSet, counters }: DeviceCounterConsumption, field: string): Causes {
  return [
    ...(counterSet === '' ? [required(`${field}.counterSet`)] : validateLabelName(counterSet, `${field}.counterSet`)),
    ...validateCounters(counters, `${field}.counters`),
  ]
}

/** Counters by name; their amounts are free. */
export function validateCounters(counters: Readonly<Record<string, Counter>> | undefined, field: string): Causes {
  const count = Object.keys(counters ?? {}).length
  if (count === 0) return [required(field)]
  if (count > maxCounters) return [tooMany(field, count, maxCounters)]
  return eachOfMap(field, counters, longestCounterName, validateLabelName, () => [])
}

/** Every device of its own place: exactly one way to say it. */
function validatePlace({ nodeName, nodeSelector, allNodes }: Device, field: string): Causes {
  const detail =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  const given = [
    ...((nodeName ?? '') === '' ? [] : ['`nodeName`']),
    ...(nodeSelector === undefined ? [] : ['`nodeSelector`']),
    ...(allNodes === true ? ['`allNodes`'] : []),
  ]
  return [
    ...(nodeName === undefined ? [] : validateNodeName(nodeName, `${field}.nodeName`, 'must not be empty')),
    ...(nodeSelector === undefined ? [] : validateNodeSelector(nodeSelector, `${field}.nodeSelector`)),
    ...when(allNodes === false, invalidValue(`${field}.allNodes`, false, 'must be either unset or set to true')),
    ...when(given.length === 0, required(field, detail)),
    ...when(given.length > 1, () => invalidValue(field, `{${given.join(', ')}}`, detail)),
  ]
}

function validateNoPlace({ nodeName, nodeSelector, allNodes }: Device, field: string): Causes {
  const detail =
    '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  const isGiven = nodeName !== undefined || nodeSelector !== undefined || allNodes !== undefined
  return when(isGiven, invalidValue(field, undefined, detail))
}

/** `empty` says what is wrong with a name that is given and empty. */
export function validateNodeName(name: string, field: string, empty: string): Causes {
  return name === '' ? [invalidValue(field, name, empty)] : invalidValues(field, name, isDns1123Subdomain(name))
}
