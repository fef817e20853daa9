/**
 * Whether a value fits a JSON schema, in the words of upstream's validator. All causes at once; with `old`, parts that an update
 * has left as they were are not complained about (ratcheting, KEP-4008).
 * Source: kube-openapi `pkg/validation/validate`, apiextensions-apiserver `pkg/apiserver/validation`.
 */
import { RE2JS } from 're2js'
import {
  formatValue,
  goQuote,
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from '../field-errors.ts'
import { equalJson, getOwn, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { StatusCause } from '../status.ts'
import { fitsFormat } from './formats.ts'
import { schemaAt } from './structural.ts'

type Causes = readonly StatusCause[]

/** What is wrong with an object; `old` is the stored one it is to replace. */
export function validateValue(schema: JsonObject, value: Json, old?: Json, path = ''): Causes {
  if (old !== undefined && equalJson(value, old)) return []
  const causes: StatusCause[] = []
  if (value === null) {
    const types = typesOf(schema)
    if (types.length > 0 && schema['nullable'] !== true) causes.push(wrongType(path, types, 'null'))
    causes.push(...validateEnum(schema, value, path))
    return causes
  }
  causes.push(...validateType(schema, value, path), ...validateJunctors(schema, value, path))
  if (typeof value === 'string') causes.push(...validateString(schema, value, path))
  if (typeof value === 'number') causes.push(...validateNumber(schema, value, path))
  if (isJsonList(value)) causes.push(...validateList(schema, value, old, path))
  causes.push(...validateEnum(schema, value, path))
  if (isJsonObject(value)) causes.push(...validateObject(schema, value, old, path))
  return causes
}

function typesOf(schema: JsonObject): readonly string[] {
  if (schema['x-kubernetes-int-or-string'] === true) return ['integer', 'string']
  const { type } = schema
  return typeof type === 'string' && type !== '' ? [type] : []
}

function typeOf(value: Json): string {
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  if (isJsonList(value)) return 'array'
  return value === null ? 'null' : typeof value
}

function validateType(schema: JsonObject, value: Json, path: string): Causes {
  const types = typesOf(schema)
  if (types.length === 0) return []
  const type = typeOf(value)
  const fits = types.includes(type) || (type === 'integer' && types.includes('number'))
  const { format } = schema
  const isTextWithFormat = typeof format === 'string' && format !== '' && (type === 'string' || type === 'array')
  if (fits || (isTextWithFormat && !types.includes('number') && !types.includes('integer'))) return []
  return [wrongType(path, types, type)]
}

function wrongType(path: string, types: readonly string[], actual: string): StatusCause {
  const words = path === '' ? ' in body' : `${path} in body`
  return typeInvalid(fieldOf(path), actual, `${words} must be of type ${types.join(',')}: ${goQuote(actual)}`)
}

function fieldOf(path: string): string {
  return path === '' ? '<nil>' : path.replace(/^\./, '')
}

function say(path: string, value: Json, words: string): StatusCause {
  return invalidValue(fieldOf(path), value, `${path} in body ${words}`)
}

function numberAt(schema: JsonObject, key: string): number | undefined {
  const value = schema[key]
  return typeof value === 'number' ? value : undefined
}

function validateString(schema: JsonObject, value: string, path: string): Causes {
  const causes: StatusCause[] = []
  const length = [...value].length
  const [most, least] = [numberAt(schema, 'maxLength'), numberAt(schema, 'minLength')]
  const { pattern, format } = schema
  if (most !== undefined && length > most) causes.push(tooLong(fieldOf(path), most))
  else if (least !== undefined && length < least) {
    causes.push(say(path, value, `should be at least ${least} chars long`))
  } else if (typeof pattern === 'string' && pattern !== '' && !isMatch(pattern, value)) {
    causes.push(say(path, value, `should match '${pattern}'`))
  }
  if (typeof format === 'string' && format !== '' && !fitsFormat(format, value)) {
    causes.push(typeInvalid(fieldOf(path), value, `${path} in body must be of type ${format}: ${goQuote(value)}`))
  }
  return causes
}

const patterns = new Map<string, RE2JS | undefined>()
const mostPatterns = 2_000

function isMatch(pattern: string, value: string): boolean {
  let compiled = patterns.get(pattern)
  if (!patterns.has(pattern)) {
    if (patterns.size >= mostPatterns) patterns.clear()
    compiled = compile(pattern)
    patterns.set(pattern, compiled)
  }
  return compiled?.matcher(value).find() === true
}

function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern)
  } catch {
    return undefined
  }
}

/** Whether Go's `regexp` would take the pattern. */
export function isPattern(pattern: string): boolean {
  return compile(pattern) !== undefined
}

function validateNumber(schema: JsonObject, value: number, path: string): Causes {
  const causes: StatusCause[] = []
  const factor = numberAt(schema, 'multipleOf')
  const [most, least] = [numberAt(schema, 'maximum'), numberAt(schema, 'minimum')]
  if (factor !== undefined && factor > 0 && !Number.isInteger(factor < 1 ? (1 / factor) * value : value / factor)) {
    causes.push(say(path, value, `should be a multiple of ${factor}`))
  }
  if (most !== undefined) {
    const exclusive = schema['exclusiveMaximum'] === true
    if (exclusive ? value >= most : value > most) {
      causes.push(say(path, value, `should be less than ${exclusive ? '' : 'or equal to '}${most}`))
    }
  }
  if (least !== undefined) {
    const exclusive = schema['exclusiveMinimum'] === true
    if (exclusive ? value <= least : value < least) {
      causes.push(say(path, value, `should be greater than ${exclusive ? '' : 'or equal to '}${least}`))
    }
  }
  return [...causes, ...validateRange(schema, value, path)]
}

function validateRange({ type, format }: JsonObject, value: number, path: string): Causes {
  if (type !== 'integer' || format !== 'int32' || (value | 0) === value || !Number.isInteger(value)) return []
  return [invalidValue('<nil>', '', `Checked value must be of type ${type} with format ${format} in ${path}`)]
}

function validateEnum(schema: JsonObject, value: Json, path: string): Causes {
  const allowed = schema['enum']
  if (!isJsonList(allowed) || allowed.length === 0 || allowed.some((one) => equalJson(one, value))) return []
  const texts = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  return [notSupported(fieldOf(path), value, texts)]
}

function validateList(schema: JsonObject, list: readonly Json[], old: Json | undefined, path: string): Causes {
  const items = schemaAt(schema, 'items')
  const before = items === undefined ? undefined : correlated(schema, old)
  const causes: StatusCause[] =
    items === undefined
      ? []
      : list.flatMap((item, index) => [...validateValue(items, item, before?.(item), `${path}[${index}]`)])
  const [least, most] = [numberAt(schema, 'minItems'), numberAt(schema, 'maxItems')]
  if (least !== undefined && list.length < least) {
    causes.push(say(path, list.length, `should have at least ${least} items`))
  }
  if (most !== undefined && list.length > most) causes.push(tooMany(fieldOf(path), list.length, most))
  if (schema['uniqueItems'] === true && list.some((item, i) => list.slice(0, i).some((one) => equalJson(one, item)))) {
    causes.push(say(path, '', "shouldn't contain duplicates"))
  }
  return causes
}

/** Finds the old state of an item of a list with keys; items of other lists have none. */
function correlated(schema: JsonObject, old: Json | undefined): ((item: Json) => Json | undefined) | undefined {
  const keys = schema['x-kubernetes-list-map-keys']
  if (schema['x-kubernetes-list-type'] !== 'map' || !isJsonList(keys) || !isJsonList(old)) return undefined
  const names = keys.map(String)
  const same = (a: Json, b: Json): boolean =>
    isJsonObject(a) && isJsonObject(b) && names.every((name) => equalJson(a[name], b[name]))
  return (item) => old.find((one) => same(one, item))
}

function validateObject(schema: JsonObject, object: JsonObject, old: Json | undefined, path: string): Causes {
  const causes: StatusCause[] = []
  const keys = Object.keys(object)
  const [least, most] = [numberAt(schema, 'minProperties'), numberAt(schema, 'maxProperties')]
  if (least !== undefined && keys.length < least) {
    causes.push(say(path, keys.length, `should have at least ${least} properties`))
  }
  if (most !== undefined && keys.length > most) causes.push(tooMany(fieldOf(path), keys.length, most))
  const properties = schemaAt(schema, 'properties') ?? {}
  const additional = getOwn(schema, 'additionalProperties')
  const before = isJsonObject(old) ? old : {}
  for (const key of keys) {
    const value = object[key]
    const property = schemaAt(properties, key)
    const inner = property ?? (isJsonObject(additional) ? additional : undefined)
    if (value === undefined) continue
    const at = path === '' && property !== undefined ? key : `${path}.${key}`
    if (inner !== undefined) causes.push(...validateValue(inner, value, getOwn(before, key), at))
    else if (additional === false) causes.push(say(at, '', 'is a forbidden property'))
  }
  return [...causes, ...validateRequired(schema, object, path)]
}

function validateRequired(schema: JsonObject, object: JsonObject, path: string): Causes {
  const names = schema['required']
  if (!isJsonList(names)) return []
  return names
    .map(String)
    .filter((name) => getOwn(object, name) === undefined)
    .map((name) => required(fieldOf(`${path}.${name}`)))
}

/** These say which schema failed, not which field. */
function general(words: string): StatusCause {
  return invalidValue('<nil>', '', words)
}

function validateJunctors(schema: JsonObject, value: Json, path: string): Causes {
  const causes: StatusCause[] = []
  const shown = goQuote(path)
  const [any, one, all] = ['anyOf', 'oneOf', 'allOf'].map((key) =>
    schemasAt(schema, key).map((inner) => validateValue(inner, value, undefined, path)),
  )
  if (any !== undefined && any.length > 0 && any.every((found) => found.length > 0)) {
    causes.push(general(`${shown} must validate at least one schema (anyOf)`), ...(any[0] ?? []))
  }
  const valid = (one ?? []).filter((found) => found.length === 0).length
  if (one !== undefined && one.length > 0 && valid !== 1) {
    const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`
    const best = valid === 0 ? (one[0] ?? []) : []
    causes.push(general(`${shown} must validate one and only one schema (oneOf). ${found}`), ...best)
  }
  const failed = (all ?? []).filter((found) => found.length > 0)
  if (failed.length > 0) {
    const none = failed.length === all?.length ? '. None validated' : ''
    causes.push(...failed.flat(), general(`${shown} must validate all the schemas (allOf)${none}`))
  }
  const not = schemaAt(schema, 'not')
  if (not !== undefined && validateValue(not, value, undefined, path).length === 0) {
    causes.push(general(`${shown} must not validate the schema (not)`))
  }
  return causes
}

function schemasAt(schema: JsonObject, key: string): readonly JsonObject[] {
  const list = schema[key]
  return isJsonList(list) ? list.filter(isJsonObject) : []
}

/** Doubled items in lists that are sets or have keys. Source: `structurallisttype.ValidateListSetsAndMaps`. */
export function validateListTypes(schema: JsonObject | undefined, value: Json | undefined, path = ''): Causes {
  if (schema === undefined || typeof value !== 'object' || value === null) return []
  if (isJsonList(value)) {
    const items = schemaAt(schema, 'items')
    return [
      ...doubled(schema, value, path),
      ...value.flatMap((item, index) => [...validateListTypes(items, item, `${path}[${index}]`)]),
    ]
  }
  const properties = schemaAt(schema, 'properties') ?? {}
  const additional = schemaAt(schema, 'additionalProperties')
  return Object.entries(value).flatMap(([key, inner]) => {
    const property = schemaAt(properties, key)
    const at = property === undefined ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
    return [...validateListTypes(property ?? additional, inner, at)]
  })
}

function doubled(schema: JsonObject, list: readonly Json[], path: string): Causes {
  const type = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys']
  if (type !== 'set' && type !== 'map') return []
  const names = isJsonList(keys) ? keys.map(String) : []
  const seen = new Set<string>()
  return list.flatMap((item, index) => {
    const shown = type === 'map' && isJsonObject(item) ? keysOf(item, names) : item
    const text = JSON.stringify(shown)
    const isDoubled = seen.has(text)
    seen.add(text)
    const message = `Duplicate value: ${formatValue(shown)}`
    return isDoubled ? [{ reason: 'FieldValueDuplicate', field: `${path}[${index}]`, message } as const] : []
  })
}

function keysOf(item: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(names.toSorted().map((name) => [name, item[name]]))
}
