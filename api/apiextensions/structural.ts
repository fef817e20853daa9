/**
 * A schema is structural when every value has a known type, so that unknown fields can be dropped and defaults filled in.
 * Source: apiextensions-apiserver pkg/apiserver/schema, KEP "vanilla OpenAPI subset".
 */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { fillDefaults } from '../../apimachinery/schema/structural.ts'
import { isPattern, validateValue } from '../../apimachinery/schema/validate.ts'
import { type Causes, when } from '../meta/causes.ts'

const types = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const preserve = 'x-kubernetes-preserve-unknown-fields'
const intOrString = 'x-kubernetes-int-or-string'
/** What may stand only at the structural level, not inside allOf, anyOf, oneOf and not. */
const structuralOnly = ['description', 'type', 'default', 'additionalProperties', 'nullable'] as const

/** What makes a root schema not structural. */
export function validateStructural(root: JsonObject, field: string): Causes {
  return [
    ...(root['type'] === undefined || root['type'] === ''
      ? [required(`${field}.type`, 'must not be empty at the root')]
      : when(root['type'] !== 'object', {
          reason: 'FieldValueInvalid',
          message: `Invalid value: ${JSON.stringify(root['type'])}: must be object at the root`,
          field: `${field}.type`,
        })),
    ...validateLevel(root, field),
  ]
}

function validateLevel(schema: JsonObject, field: string): Causes {
  const { type, properties, items, additionalProperties } = schema as Readonly<Record<string, Json | undefined>>
  return [
    ...validateType(type, field),
    ...when(schema['$ref'] !== undefined, forbiddenField(`${field}.$ref`, '$ref is not supported')),
    ...when(
      schema['uniqueItems'] === true,
      forbiddenField(
        `${field}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    ),
    ...when(
      isJsonObject(properties) && additionalProperties !== undefined,
      forbiddenField(`${field}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    ),
    ...when(type === 'array' && items === undefined, required(`${field}.items`, 'must be specified')),
    ...validateRules(schema, field),
    ...validatePattern(schema, field),
    ...validateDefault(schema, field),
    ...validateListType(schema, field),
    ...Object.entries(isJsonObject(properties) ? properties : {}).flatMap(([name, child]) =>
      validateChild(child, `${field}.properties[${name}]`, 'must not be empty for specified object fields'),
    ),
    ...(items === undefined
      ? []
      : validateChild(items, `${field}.items`, 'must not be empty for specified array items')),
    ...(isJsonObject(additionalProperties)
      ? validateChild(
          additionalProperties,
          `${field}.additionalProperties`,
          'must not be empty for specified object fields',
        )
      : []),
    ...validateJunctors(schema, field),
  ]
}

function validateType(type: Json | undefined, field: string): Causes {
  return typeof type === 'string' && type !== '' && !types.includes(type)
    ? [notSupported(`${field}.type`, type, types)]
    : []
}

function validateChild(schema: Json | undefined, field: string, emptyType: string): Causes {
  if (!isJsonObject(schema)) return []
  const typeless = schema['type'] === undefined || schema['type'] === ''
  const free = schema[preserve] === true || schema[intOrString] === true
  return [...when(typeless && !free, required(`${field}.type`, emptyType)), ...validateLevel(schema, field)]
}

/** Source: `validation.ValidateCustomResourceDefinitionOpenAPISchema`. */
function validatePattern({ pattern }: JsonObject, field: string): Causes {
  if (typeof pattern !== 'string' || pattern === '' || isPattern(pattern)) return []
  const message = `must be a valid regular expression, but isn't: error parsing regexp`
  return [invalidValue(`${field}.pattern`, pattern, message)]
}

/** A default that no object may have would make every object invalid. Source: `structuraldefaulting.ValidateDefaults`. */
function validateDefault(schema: JsonObject, field: string): Causes {
  const value = schema['default']
  if (value === undefined) return []
  const at = `${field}.default`
  const filled = isJsonObject(value) ? fillDefaults(schema, value) : value
  return validateValue(schema, filled).map((cause) => {
    const inside = cause.field === undefined || cause.field === '<nil>' ? '' : `.${cause.field}`
    return { ...cause, field: `${at}${inside}` }
  })
}

/** Rules that nobody enforces would promise what does not hold. */
function validateRules(schema: JsonObject, field: string): Causes {
  const rules = schema['x-kubernetes-validations']
  return when(
    Array.isArray(rules) && rules.length > 0,
    forbiddenField(`${field}.x-kubernetes-validations`, 'validation rules (CEL) are not enforced by this server'),
  )
}

function validateListType(schema: JsonObject, field: string): Causes {
  const listType = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys']
  return [
    ...(typeof listType === 'string'
      ? when(
          !['atomic', 'set', 'map'].includes(listType),
          notSupported(`${field}.x-kubernetes-list-type`, listType, ['atomic', 'map', 'set']),
        )
      : []),
    ...when(
      listType === 'map' && (!Array.isArray(keys) || keys.length === 0),
      required(`${field}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'),
    ),
  ]
}

function validateJunctors(schema: JsonObject, field: string): Causes {
  const free = schema[intOrString] === true
  return (['allOf', 'anyOf', 'oneOf'] as const).flatMap((key) => {
    const list = schema[key]
    if (!Array.isArray(list) || free) return []
    return list.flatMap((one: unknown, index) =>
      isJsonObject(one) ? validateNested(one, `${field}.${key}[${index}]`) : [],
    )
  })
}

function validateNested(schema: JsonObject, field: string): Causes {
  return structuralOnly
    .filter((key) => schema[key] !== undefined && schema[key] !== '')
    .map((key) => forbiddenField(`${field}.${key}`, 'must be empty to be structural'))
}
