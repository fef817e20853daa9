/**
 * Whether a value fits a JSON schema, in the words of upstream's validator. All causes at once; with `old`, parts that an update
 * has left as they were are not complained about (ratcheting, KEP-4008).
 * Source: kube-openapi `pkg/validation/validate`, apiextensions-apiserver `pkg/apiserver/validation`.
 */
import { RE2JS } from 're2js'
import { goQuote, invalidValue, notSupported, required, tooLong, tooMany, typeInvalid } from '../field-errors.ts'
import { equalJson, getOwn, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { StatusCause } from '../status.ts'
import { correlatedItem, isUnchanged } from './correlation.ts'
import { fitsFormat, formatOf } from './formats.ts'
import { schemaAt } from './structural.ts'

type Causes = readonly StatusCause[]

/** What was found, and how many checks were made: of several schemas the one with the most says what is wrong. */
type Result = { readonly causes: Causes; readonly checks: number }
const nothing: Result = { causes: [], checks: 0 }

/** A cause is said once, however many schemas lead to it. */
function merge(...results: readonly Result[]): Result {
  const [first, ...others] = results.filter((result) => result !== nothing)
  if (first === undefined) return nothing
  if (others.length === 0) return first
  const checks = others.reduce((sum, result) => sum + result.checks, first.checks)
  const found = results.flatMap(({ causes }) => causes)
  const byText = found.length < 2 ? found : new Map(found.map((one) => [`${one.field}: ${one.message}`, one])).values()
  return { causes: [...byText], checks }
}

/** What is wrong with an object; `old` is the stored one it is to replace. */
export function validateValue(schema: JsonObject, value: Json, old?: Json, path = ''): Causes {
  return check(schema, value, old, path).causes
}

function check(schema: JsonObject, value: Json, old: Json | undefined, path: string): Result {
  const result = checkAnew(schema, value, old, path)
  if (result.causes.length === 0 || !isUnchanged(schema, value, old)) return result
  return { ...result, causes: [] }
}

function checkAnew(schema: JsonObject, value: Json, old: Json | undefined, path: string): Result {
  const types = typesOf(schema)
  const format = formatAt(schema, types)
  const common = checkEnum(schema, value, path)
  if (value === null) return merge(types.length === 0 ? nothing : checkNull(schema, types, path), common)
  const isText = typeof value === 'string'
  const applied =
    3 + // the schemas combined with this one, the enum, the end
    (types.length > 0 || format !== '' ? 1 : 0) +
    (isText && format !== '' ? 2 : isText ? 1 : 0) +
    (typeof value === 'object' || typeof value === 'number' ? 1 : 0)
  return merge(
    { causes: [], checks: applied },
    types.length === 0 && format === '' ? nothing : checkType(types, format, value, path),
    checkJunctors(schema, value, path),
    isText ? checkString(schema, format, value, path) : nothing,
    typeof value === 'number' ? checkNumber(schema, types, format, value, path) : nothing,
    isJsonList(value) ? checkList(schema, value, old, path) : nothing,
    common,
    isJsonObject(value) ? checkObject(schema, value, old, path) : nothing,
  )
}

function failed(...causes: readonly StatusCause[]): Result {
  return causes.length === 0 ? nothing : { causes, checks: 0 }
}

function typesOf(schema: JsonObject): readonly string[] {
  if (schema['x-kubernetes-int-or-string'] === true) return ['integer', 'string']
  const { type } = schema
  return typeof type === 'string' && type !== '' ? [type] : []
}

function formatAt({ format }: JsonObject, types: readonly string[]): string {
  if (typeof format !== 'string' || format === '') return ''
  return formatOf(types.length === 1 ? (types[0] ?? '') : '', format)
}

function typeOf(value: Json): string {
  if (typeof value === 'number') return isInt64(value) ? 'integer' : 'number'
  if (isJsonList(value)) return 'array'
  return value === null ? 'null' : typeof value
}

/** Whether Go reads a number as an integer. */
function isInt64(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) <= 2 ** 63
}

function checkNull(schema: JsonObject, types: readonly string[], path: string): Result {
  return schema['nullable'] === true ? { causes: [], checks: 1 } : failed(wrongType(path, types.join(','), 'null'))
}

function checkType(types: readonly string[], format: string, value: Json, path: string): Result {
  const type = typeOf(value)
  const fits = types.includes(type) || (type === 'integer' && types.includes('number'))
  const fine: Result = { causes: [], checks: 1 }
  const isTextOrList = type === 'string' || type === 'array'
  if (format !== '' && !isTextOrList && !fits && goFormatOf(value) !== format) {
    return failed(wrongType(path, format, goFormatOf(value)))
  }
  const isNumeric = types.includes('number') || types.includes('integer')
  if (format !== '' && isTextOrList && !isNumeric) return fine
  return fits ? fine : failed(wrongType(path, types.join(','), type))
}

/** The format that Go sees in a value. Source: `schemaInfoForType`. */
function goFormatOf(value: Json): string {
  if (typeof value !== 'number') return ''
  return isInt64(value) ? 'int64' : 'float64'
}

function wrongType(path: string, wanted: string, actual: string): StatusCause {
  return typeInvalid(fieldOf(path), actual, `${path} in body must be of type ${wanted}: ${goQuote(actual)}`)
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

function checkString(schema: JsonObject, format: string, value: string, path: string): Result {
  const causes: StatusCause[] = []
  const [most, least] = [numberAt(schema, 'maxLength'), numberAt(schema, 'minLength')]
  const { pattern } = schema as Readonly<Record<string, Json | undefined>>
  if (most !== undefined && isLonger(value, most)) causes.push(tooLong(fieldOf(path), most))
  else if (least !== undefined && !isLonger(value, least - 1)) {
    causes.push(say(path, value, `should be at least ${least} chars long`))
  } else if (typeof pattern === 'string' && pattern !== '' && !isMatch(pattern, value)) {
    causes.push(say(path, value, `should match '${pattern}'`))
  }
  if (format !== '' && !fitsFormat(format, value)) causes.push(wrongType(path, format, value))
  return failed(...causes)
}

/** Characters are counted only where the length leaves a doubt. */
function isLonger(text: string, most: number): boolean {
  if (text.length <= most) return false
  return text.length > 2 * most || [...text].length > most
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

function checkNumber(
  schema: JsonObject,
  types: readonly string[],
  format: string,
  value: number,
  path: string,
): Result {
  const causes: StatusCause[] = []
  const [type = ''] = types.length === 1 ? types : []
  /** A bound as Go compares it: integers are held to integers. */
  const bound = (key: string, what: string): number | undefined => {
    const number = numberAt(schema, key)
    const problem = number === undefined ? undefined : rangeProblem(number, type, format, what, path)
    if (problem !== undefined) causes.push(problem)
    return number === undefined || problem !== undefined || !isInt64(value) ? number : Math.trunc(number)
  }
  const range = rangeProblem(value, type, format, 'Checked', path)
  if (range !== undefined) causes.push(range)
  const factor = bound('multipleOf', 'MultipleOf')
  if (factor !== undefined) causes.push(...checkMultiple(value, factor, path))
  const least = bound('minimum', 'Minimum boundary')
  const [above, below] = ['exclusiveMinimum', 'exclusiveMaximum'].map((key) => schema[key] === true)
  if (least !== undefined && (above === true ? value <= least : value < least)) {
    causes.push(say(path, value, `should be greater than ${above === true ? '' : 'or equal to '}${least}`))
  }
  const most = bound('maximum', 'Maximum boundary')
  if (most !== undefined && (below === true ? value >= most : value > most)) {
    causes.push(say(path, value, `should be less than ${below === true ? '' : 'or equal to '}${most}`))
  }
  return { causes, checks: 1 }
}

function rangeProblem(
  value: number,
  type: string,
  format: string,
  what: string,
  path: string,
): StatusCause | undefined {
  if (fitsRange(value, type, format)) return undefined
  const shown = format === '' ? `${type} (default format)` : `${type} with format ${format}`
  return invalidValue('<nil>', '', `${what} value must be of type ${shown} in ${path}`)
}

function checkMultiple(value: number, factor: number, path: string): Causes {
  if (factor <= 0) {
    return [invalidValue(fieldOf(path), factor, `factor MultipleOf declared for ${path} must be positive: ${factor}`)]
  }
  const times = factor < 1 ? (1 / factor) * value : value / factor
  const isMultiple = isInt64(value) ? value % factor === 0 || Number.isInteger(times) : Number.isSafeInteger(times)
  return isMultiple ? [] : [say(path, value, `should be a multiple of ${factor}`)]
}

const largestFloat32 = 3.4028234663852886e38

function fitsRange(value: number, type: string, format: string): boolean {
  if (type === 'integer') {
    return Number.isInteger(value) && (format === 'int32' ? (value | 0) === value : Math.abs(value) <= 2 ** 63)
  }
  return format !== 'float' || Math.abs(value) <= largestFloat32
}

/** Null is in no enum. */
function checkEnum(schema: JsonObject, value: Json, path: string): Result {
  const allowed = schema['enum']
  if (!isJsonList(allowed) || allowed.length === 0) return nothing
  if (value !== null && allowed.some((one) => equalJson(one, value))) return nothing
  const texts = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  return failed(notSupported(fieldOf(path), value, texts))
}

function checkList(schema: JsonObject, list: readonly Json[], old: Json | undefined, path: string): Result {
  const items = schemaAt(schema, 'items')
  const before = items === undefined || old === undefined ? undefined : correlatedItem(schema, old)
  const found =
    items === undefined ? [] : list.map((item, index) => check(items, item, before?.(item), `${path}[${index}]`))
  const causes: StatusCause[] = []
  const [least, most] = [numberAt(schema, 'minItems'), numberAt(schema, 'maxItems')]
  if (least !== undefined && list.length < least) {
    causes.push(say(path, list.length, `should have at least ${least} items`))
  }
  if (most !== undefined && list.length > most) causes.push(tooMany(fieldOf(path), list.length, most))
  if (schema['uniqueItems'] === true && list.some((item, i) => list.slice(0, i).some((one) => equalJson(one, item)))) {
    causes.push(say(path, '', "shouldn't contain duplicates"))
  }
  return merge(...found, { causes, checks: 1 })
}

function checkObject(schema: JsonObject, object: JsonObject, old: Json | undefined, path: string): Result {
  const causes: StatusCause[] = []
  const keys = Object.keys(object).filter((key) => object[key] !== undefined)
  const [least, most] = [numberAt(schema, 'minProperties'), numberAt(schema, 'maxProperties')]
  if (least !== undefined && keys.length < least) {
    causes.push(say(path, keys.length, `should have at least ${least} properties`))
  }
  if (most !== undefined && keys.length > most) causes.push(tooMany(fieldOf(path), keys.length, most))
  const properties = schemaAt(schema, 'properties') ?? {}
  const additional = getOwn(schema, 'additionalProperties')
  const before = isJsonObject(old) ? old : {}
  const found: Result[] = []
  if (additional === false) {
    const unknown = keys.filter((key) => !Object.hasOwn(properties, key))
    causes.push(
      ...unknown.map((key) => invalidValue(fieldOf(path), key, `${path}.${key} in body is a forbidden property`)),
    )
  }
  for (const key of keys) {
    if (!isJsonObject(additional) || Object.hasOwn(properties, key)) continue
    found.push(check(additional, object[key] ?? null, getOwn(before, key), `${path}.${key}`))
  }
  for (const key of Object.keys(properties)) {
    const property = schemaAt(properties, key)
    const value = getOwn(object, key)
    if (property === undefined || value === undefined) continue
    // Old and new objects are seen in the same version, so that changes of their types are not.
    const isType = path === '' && (key === 'kind' || key === 'apiVersion')
    found.push(check(property, value, isType ? undefined : getOwn(before, key), path === '' ? key : `${path}.${key}`))
  }
  return merge({ causes, checks: 0 }, ...found, failed(...missing(schema, object, path)))
}

function missing(schema: JsonObject, object: JsonObject, path: string): Causes {
  const names = schema['required']
  if (!isJsonList(names)) return []
  return names
    .map(String)
    .filter((name) => getOwn(object, name) === undefined)
    .map((name) => required(fieldOf(`${path}.${name}`)))
}

/** These say which schema failed, not which field. */
function general(words: string): Result {
  return failed(invalidValue('<nil>', '', words))
}

/** Combined schemas are held to the value as it is: what was wrong before is wrong here. */
function checkJunctors(schema: JsonObject, value: Json, path: string): Result {
  const not = schemaAt(schema, 'not')
  const inside = (inner: JsonObject): Result => checkAnew(inner, value, undefined, path)
  return merge(
    { causes: [], checks: 1 },
    checkAny(schemasAt(schema, 'anyOf').map(inside), path),
    checkOne(schemasAt(schema, 'oneOf').map(inside), path),
    checkAll(schemasAt(schema, 'allOf').map(inside), path),
    not !== undefined && inside(not).causes.length === 0
      ? general(`${goQuote(path)} must not validate the schema (not)`)
      : nothing,
  )
}

function checkAny(found: readonly Result[], path: string): Result {
  const good = found.find(({ causes }) => causes.length === 0)
  if (found.length === 0 || good !== undefined) return good ?? nothing
  return merge(general(`${goQuote(path)} must validate at least one schema (anyOf)`), best(found))
}

function checkOne(found: readonly Result[], path: string): Result {
  if (found.length === 0) return nothing
  const good = found.filter(({ causes }) => causes.length === 0)
  if (good.length === 1) return good[0] ?? nothing
  const words = `${goQuote(path)} must validate one and only one schema (oneOf)`
  return good.length === 0
    ? merge(general(`${words}. Found none valid`), best(found))
    : general(`${words}. Found ${good.length} valid alternatives`)
}

function checkAll(found: readonly Result[], path: string): Result {
  const bad = found.filter(({ causes }) => causes.length > 0)
  if (bad.length === 0) return merge(...found)
  const none = bad.length === found.length ? '. None validated' : ''
  return merge(...found, general(`${goQuote(path)} must validate all the schemas (allOf)${none}`))
}

/** The first of those with the most checks. */
function best(found: readonly Result[]): Result {
  return found.reduce((chosen, one) => (one.checks > chosen.checks ? one : chosen), found[0] ?? nothing)
}

function schemasAt(schema: JsonObject, key: string): readonly JsonObject[] {
  const list = schema[key]
  return isJsonList(list) ? list.filter(isJsonObject) : []
}
