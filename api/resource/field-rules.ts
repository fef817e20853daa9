/** Rules of fields that several kinds of this group have. Source: pkg/apis/resource/validation. */
import { duplicate, invalidValue, notSupported, required, tooLong } from '../../apimachinery/field-errors.ts'
import { isJsonObject, type Json } from '../../apimachinery/json.ts'
import {
  isCIdentifier,
  isDns1123Label,
  isDns1123Subdomain,
  isLabelValue,
  isQualifiedName,
} from '../../apimachinery/names.ts'
import { validateDriverName } from '../core/volumes.ts'
import { type Causes, each, invalidValues, repeats, when } from '../meta/causes.ts'
import { byteLength } from '../meta/validation.ts'
import { eachAtMost } from './lists.ts'
import type { DeviceTaint, DeviceToleration, OpaqueDeviceConfiguration } from './v1.ts'

const longestPoolName = 253
const longestId = 32
const longestParameters = 10 * 1024
const maxBindingConditions = 4
const effects = ['NoExecute', 'NoSchedule', 'None']

/** Names of requests, devices and counters; an empty one is a label that is none. */
export function validateLabelName(name: string, field: string): Causes {
  return invalidValues(field, name, isDns1123Label(name))
}

/** DNS subdomains with slashes between them. */
export function validatePoolName(name: string, field: string): Causes {
  if (name === '') return [required(field)]
  return [
    ...when(byteLength(name) > longestPoolName, tooLong(field, longestPoolName)),
    ...name.split('/').flatMap((part) => invalidValues(field, part, isDns1123Subdomain(part))),
  ]
}

/** `[domain/]name`; as upstream has it, names with more slashes pass. */
export function validateAttributeName(name: string, field: string): Causes {
  const [first = '', second, ...others] = name.split('/')
  if (others.length > 0) return []
  if (second === undefined) return validateIdentifier(first, field)
  return [
    ...(first === '' ? [invalidValue(field, '', 'the domain must not be empty')] : validateDriverName(first, field)),
    ...(second === '' ? [invalidValue(field, '', 'the name must not be empty')] : validateIdentifier(second, field)),
  ]
}

/** `domain/name`. */
export function validateFullAttributeName(name: string, field: string): Causes {
  const detail = 'a fully qualified name must be a domain and a name separated by a slash'
  return [...validateAttributeName(name, field), ...when(!name.includes('/'), () => invalidValue(field, name, detail))]
}

function validateIdentifier(id: string, field: string): Causes {
  return [
    ...when(byteLength(id) > longestId, tooLong(field, longestId)),
    ...invalidValues(field, id, isCIdentifier(id)),
  ]
}

/** What a driver is told; nothing else can be told yet. */
export function validateConfiguration(
  { opaque }: { readonly opaque?: OpaqueDeviceConfiguration },
  field: string,
): Causes {
  const path = `${field}.opaque`
  if (opaque === undefined) return [required(path)]
  return [
    ...validateDriverName(opaque.driver, `${path}.driver`),
    ...validateParameters(opaque.parameters, `${path}.parameters`),
  ]
}

/** A JSON object of limited size. Source: `validateRawExtension`. */
export function validateParameters(value: Json | undefined, field: string): Causes {
  if (value === undefined || value === null) return [required(field)]
  if (byteLength(JSON.stringify(value)) > longestParameters) return [tooLong(field, longestParameters)]
  return when(!isJsonObject(value), invalidValue(field, '<value omitted>', 'must be a valid JSON object'))
}

/** A taint of a device. */
export function validateTaint({ key, value = '', effect }: DeviceTaint, field: string): Causes {
  return [
    ...invalidValues(`${field}.key`, key, isQualifiedName(key)),
    ...invalidValues(`${field}.value`, value, isLabelValue(value)),
    ...(effect === '' ? [required(`${field}.effect`)] : validateEffect(effect, `${field}.effect`)),
  ]
}

/** What taints a request puts up with. */
export function validateToleration({ key = '', effect = '', ...rest }: DeviceToleration, field: string): Causes {
  return [
    ...(key === '' ? [] : invalidValues(`${field}.key`, key, isQualifiedName(key))),
    ...validateTolerationValue(rest, field),
    ...(effect === '' ? [] : validateEffect(effect, `${field}.effect`)),
  ]
}

function validateTolerationValue({ operator = '', value = '' }: DeviceToleration, field: string): Causes {
  switch (operator) {
    case 'Exists':
      return when(value !== '', () => invalidValue(`${field}.value`, value, 'must be empty for operator `Exists`'))
    case 'Equal':
      return invalidValues(`${field}.value`, value, isLabelValue(value))
    case '':
      return [required(`${field}.operator`)]
    default:
      return [notSupported(`${field}.operator`, operator, ['Equal', 'Exists'])]
  }
}

function validateEffect(effect: string, field: string): Causes {
  return when(!effects.includes(effect), () => notSupported(field, effect, effects))
}

type Binding = {
  readonly bindingConditions?: readonly string[]
  readonly bindingFailureConditions?: readonly string[]
}

/** Conditions that a device waits for, and those that end the wait: one list needs the other. */
export function validateBinding(binding: Binding, field: string): Causes {
  const { bindingConditions: good = [], bindingFailureConditions: bad = [] } = binding
  const [goodPath, badPath] = [`${field}.bindingConditions`, `${field}.bindingFailureConditions`]
  const name = (text: string, path: string) => invalidValues(path, text, isQualifiedName(text))
  return [
    ...eachAtMost(goodPath, good, maxBindingConditions, name),
    ...eachAtMost(badPath, bad, maxBindingConditions, name),
    ...distinct(good, [], goodPath),
    ...distinct(bad, good, badPath),
    ...when(good.length === 0 && bad.length > 0, () =>
      invalidValue(
        goodPath,
        binding.bindingConditions,
        'bindingConditions are required to use bindingFailureConditions',
      ),
    ),
    ...when(bad.length === 0 && good.length > 0, () =>
      invalidValue(
        badPath,
        binding.bindingFailureConditions,
        'bindingFailureConditions are required to use bindingConditions',
      ),
    ),
  ]
}

function distinct(names: readonly string[], others: readonly string[], field: string): Causes {
  const again = new Set(repeats(names))
  return each(field, names, (name, path, index) => [
    ...when(again.has(index), duplicate(path, name)),
    ...when(others.includes(name), () =>
      invalidValue(path, name, 'bindingFailureConditions must not overlap with bindingConditions'),
    ),
  ])
}
