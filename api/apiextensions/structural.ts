/**
 * A schema is structural when every value has a known type, so that unknown fields can be dropped and defaults filled in.
 * Source: apiextensions-apiserver `pkg/apiserver/schema` (`convert.go`, `validation.go`, `complete.go`), KEP "vanilla OpenAPI subset".
 */
import { RE2JS } from 're2js'
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { equalJson, isJsonList, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { schemaAt } from '../../apimachinery/schema/structural.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import { type Causes, when } from '../meta/causes.ts'

const preserve = 'x-kubernetes-preserve-unknown-fields'
const embedded = 'x-kubernetes-embedded-resource'
const intOrString = 'x-kubernetes-int-or-string'
const intOrStringAnyOf: Json = [{ type: 'integer' }, { type: 'string' }]

/** Why a schema cannot be read as a structural one at all, if so. Source: `NewStructural`. */
export function unreadable(schema: JsonObject): string | undefined {
  const [unsupported] = [
    ['id', isGiven(schema['id'])],
    ['schema', isGiven(schema['$schema'])],
    ['$ref', isGiven(schema['$ref'])],
    ['patternProperties', isGiven(schema['patternProperties'])],
    ['dependencies', isGiven(schema['dependencies'])],
    ['additionalItems', schema['additionalItems'] !== undefined],
    ['definitions', isGiven(schema['definitions'])],
  ].filter(([, isWrong]) => isWrong === true)
  if (unsupported !== undefined) return `OpenAPIV3Schema '${String(unsupported[0])}' is not supported`
  for (const inner of junctors(schema)) {
    const problem = unreadable(inner.schema)
    if (problem !== undefined) return problem
  }
  if (schema[preserve] === false) return `internal error: '${preserve}' must be true or undefined`
  if (isJsonList(schema['items'])) return "OpenAPIV3Schema 'items' must be a schema, but is an array"
  for (const inner of structuralChildren(schema, '')) {
    const problem = unreadable(inner.schema)
    if (problem !== undefined) return problem
  }
  return undefined
}

function isGiven(value: Json | undefined): boolean {
  if (value === undefined || value === '') return false
  return !isJsonObject(value) || Object.keys(value).length > 0
}

type Level = 'root' | 'item' | 'field'
type Child = { readonly schema: JsonObject; readonly field: string; readonly level: Level }

/** The schemas of the values inside, which make up the structure. */
function structuralChildren(schema: JsonObject, field: string): readonly Child[] {
  const items = schemaAt(schema, 'items')
  const additional = schemaAt(schema, 'additionalProperties')
  return [
    ...(items === undefined ? [] : [{ schema: items, field: `${field}.items`, level: 'item' } as const]),
    ...properties(schema).map(
      ([name, one]) => ({ schema: one, field: `${field}.properties[${name}]`, level: 'field' }) as const,
    ),
    ...(additional === undefined
      ? []
      : [{ schema: additional, field: `${field}.additionalProperties`, level: 'field' } as const]),
  ]
}

function properties(schema: JsonObject): readonly (readonly [string, JsonObject])[] {
  return Object.entries(schemaAt(schema, 'properties') ?? {}).flatMap(([name, one]) =>
    isJsonObject(one) ? [[name, one] as const] : [],
  )
}

type Junctor = {
  readonly key: 'not' | 'allOf' | 'anyOf' | 'oneOf'
  readonly at: string
  readonly index: number
  readonly schema: JsonObject
}

/** What is said about a value besides its structure, in upstream's order. */
function junctors(schema: JsonObject): readonly Junctor[] {
  const not = schemaAt(schema, 'not')
  return [
    ...(not === undefined ? [] : [{ key: 'not', at: 'not', index: 0, schema: not } as const]),
    ...(['allOf', 'anyOf', 'oneOf'] as const).flatMap((key) => {
      const list = schema[key]
      return (isJsonList(list) ? list : []).flatMap((one, index) =>
        isJsonObject(one) ? [{ key, at: `${key}[${index}]`, index, schema: one }] : [],
      )
    }),
  ]
}

/** What makes a root schema not structural; the schema must be readable. */
export function validateStructural(root: JsonObject, field: string): Causes {
  const causes = [...validateLevel(root, 'root', field), ...validateComplete(root, root, field, field)]
  const shown = ({ field: path, message }: StatusCause): string => `${path}: ${message}`
  return causes.toSorted((a, b) => (shown(a) < shown(b) ? -1 : shown(a) > shown(b) ? 1 : 0))
}

/** Whether a schema is read, and structural. */
export function isStructural(root: JsonObject): boolean {
  return unreadable(root) === undefined && validateStructural(root, '').length === 0
}

function validateLevel(schema: JsonObject, level: Level, field: string): Causes {
  const { anyOf, allOf } = schema as Readonly<Record<string, Json | undefined>>
  const isPlainAnyOf = equalJson(anyOf, intOrStringAnyOf)
  const isPlainAllOf = isJsonList(allOf) && isJsonObject(allOf[0]) && equalJson(allOf[0]['anyOf'], intOrStringAnyOf)
  return [
    ...when(schema['type'] === 'array' && schema['items'] === undefined, () =>
      required(`${field}.items`, 'must be specified'),
    ),
    ...structuralChildren(schema, field).flatMap((child) => [...validateLevel(child.schema, child.level, child.field)]),
    ...when(level === 'root' && schema['additionalProperties'] !== undefined, () =>
      forbiddenField(`${field}.additionalProperties`, 'must not be used at the root'),
    ),
    ...validateExtensions(schema, field),
    ...validateValues(schema, { skipAnyOf: isPlainAnyOf, skipFirst: isPlainAllOf }, field),
    ...validateType(schema, level, field),
    ...validateMeta(schema, level, field),
  ]
}

function validateExtensions(schema: JsonObject, field: string): Causes {
  if (schema[intOrString] !== true) return []
  return [preserve, embedded]
    .filter((key) => schema[key] === true)
    .map((key) => invalidValue(`${field}.${key}`, true, `must be false if ${intOrString} is true`))
}

const emptyType = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
} as const

function validateType(schema: JsonObject, level: Level, field: string): Causes {
  const type = schema['type'] ?? ''
  const at = `${field}.type`
  const mustBeObject = `must be object if ${embedded} is true`
  const isEmbedded = schema[embedded] === true
  return [
    ...(isEmbedded && type !== 'object'
      ? [type === '' ? required(at, mustBeObject) : invalidValue(at, type, mustBeObject)]
      : when(type === '' && schema[intOrString] !== true && schema[preserve] !== true, required(at, emptyType[level]))),
    ...when(isEmbedded && schema['additionalProperties'] !== undefined, () =>
      forbiddenField(`${field}.additionalProperties`, `must not be used if ${embedded} is set`),
    ),
    ...when(level === 'root' && type !== '' && type !== 'object', () =>
      invalidValue(at, type, 'must be object at the root'),
    ),
    ...when(isEmbedded && schema[preserve] !== true && properties(schema).length === 0, () =>
      required(`${field}.properties`, `must not be empty if ${embedded} is true without ${preserve}`),
    ),
  ]
}

/** Type and metadata of objects are Kubernetes' own matter. */
function validateMeta(schema: JsonObject, level: Level, field: string): Causes {
  const own = new Map(properties(schema))
  const isResource = level === 'root' || schema[embedded] === true
  const metadata = own.get('metadata')
  const typeOf = (one: JsonObject): Json => one['type'] ?? ''
  return [
    ...(['kind', 'apiVersion'] as const).flatMap((name) => {
      const one = own.get(name)
      return one === undefined || !isResource || typeOf(one) === 'string'
        ? []
        : [invalidValue(`${field}.properties[${name}].type`, typeOf(one), 'must be string')]
    }),
    ...(metadata === undefined
      ? []
      : [
          ...when(isResource && typeOf(metadata) !== 'object', () =>
            invalidValue(`${field}.properties[metadata].type`, typeOf(metadata), 'must be object'),
          ),
          ...when(level === 'root' && !isPlainMetadata(metadata), () =>
            forbiddenField(
              `${field}.properties[metadata]`,
              'must not specify anything other than name and generateName, but metadata is implicitly specified',
            ),
          ),
        ]),
  ]
}

function isPlainMetadata(metadata: JsonObject): boolean {
  const names = properties(metadata).map(([name]) => name)
  const isPlain = names.every((name) => name === 'name' || name === 'generateName')
  const rest = Object.keys(metadata).filter((key) => key !== 'type' && key !== 'default' && key !== 'properties')
  return isPlain && rest.length === 0
}

type Skips = { readonly skipAnyOf: boolean; readonly skipFirst: boolean }
const noSkips: Skips = { skipAnyOf: false, skipFirst: false }

function validateValues(schema: JsonObject, { skipAnyOf, skipFirst }: Skips, field: string): Causes {
  const { pattern } = schema as Readonly<Record<string, Json | undefined>>
  return [
    ...junctors(schema).flatMap((one) => {
      if (one.key === 'anyOf' && skipAnyOf) return []
      const skips = { skipAnyOf: one.key === 'allOf' && skipFirst && one.index === 0, skipFirst: false }
      return [...validateNested(one.schema, skips, `${field}.${one.at}`)]
    }),
    ...(typeof pattern === 'string' && pattern !== '' ? validatePattern(pattern, `${field}.pattern`) : []),
  ]
}

/** Source: Go's `regexp`, whose messages re2js repeats. */
function validatePattern(pattern: string, field: string): Causes {
  try {
    RE2JS.compile(pattern)
    return []
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    return [invalidValue(field, pattern, `must be a valid regular expression, but isn't: ${problem}`)]
  }
}

/** What may stand at the structural level only, with upstream's word for its absence. */
const structuralOnly = [
  ['type', 'empty'],
  ['additionalProperties', 'undefined'],
  ['default', 'undefined'],
  ['title', 'empty'],
  ['description', 'empty'],
  ['nullable', 'false'],
  [preserve, 'false'],
  [embedded, 'false'],
  [intOrString, 'false'],
  ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'],
  ['x-kubernetes-validations', 'empty'],
] as const

function validateNested(schema: JsonObject, skips: Skips, field: string): Causes {
  const items = schemaAt(schema, 'items')
  const isSet = (key: string): boolean => schema[key] !== undefined && schema[key] !== '' && schema[key] !== false
  return [
    ...validateValues(schema, skips, field),
    ...(items === undefined ? [] : validateNested(items, noSkips, `${field}.items`)),
    ...properties(schema).flatMap(([name, one]) => [...validateNested(one, noSkips, `${field}.properties[${name}]`)]),
    ...structuralOnly
      .filter(([key]) => (key === 'default' ? schema[key] !== undefined : isSet(key)))
      .map(([key, word]) => forbiddenField(`${field}.${key}`, `must be ${word} to be structural`)),
    ...when(schemaAt(schemaAt(schema, 'properties'), 'metadata') !== undefined, () =>
      forbiddenField(`${field}.properties[metadata]`, 'must not be specified in a nested context'),
    ),
  ]
}

/** What is said about a value that the structure does not have. `at` is where it is said, `field` where it would have to be. */
function validateComplete(
  said: JsonObject,
  schema: JsonObject | undefined,
  field: string,
  at: string,
  isNested = false,
): Causes {
  if (schema === undefined) return [required(field, `because it is defined in ${at}`)]
  const items = schemaAt(said, 'items')
  return [
    ...junctors(said).flatMap((one) => [...validateComplete(one.schema, schema, field, `${at}.${one.at}`, true)]),
    ...(!isNested || items === undefined
      ? []
      : validateComplete(items, schemaAt(schema, 'items'), `${field}.items`, `${at}.items`, true)),
    ...(isNested ? properties(said) : []).flatMap(([name, one]) => {
      const path = `properties[${name}]`
      const own = schemaAt(schemaAt(schema, 'properties'), name)
      return [...validateComplete(one, own, `${field}.${path}`, `${at}.${path}`, true)]
    }),
  ]
}
