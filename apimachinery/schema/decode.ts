/**
 * From unknown JSON to an object of the API: one walk along the compiled table that drops unknown fields and nulls, refuses wrong
 * types, writes quantities and times canonically, fills in the table's defaults, and puts fields in the table's order.
 * The result is what Go would encode after it had decoded the same bytes; messages are those of Go's decoder.
 * Source: `sigs.k8s.io/json`, apimachinery `runtime/serializer/json`.
 */
import { goQuote } from '../field-errors.ts'
import { isDeeperThan, isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts'
import { canonicalQuantity } from '../quantity.ts'
import { badRequest, type StatusError } from '../status.ts'
import type { StrictProblem } from './parse-json.ts'
import { base64Problem, canonicalBase64, canonicalMicroTime, canonicalTime, timeProblem } from './scalars.ts'
import {
  type CustomBehaviour,
  type Field,
  type FieldType,
  type ScalarName,
  type Schemas,
  type Struct,
  structDefault,
  structOf,
} from './schema.ts'

/** What happens to unknown and doubled fields. Source: `fieldValidation` of create, update and patch. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict'
export type DecodeOptions = {
  readonly fieldValidation: FieldValidation
  /** Doubled fields found in the text, such as by `parseJson()`. */
  readonly duplicates?: readonly StrictProblem[]
}
export type Decoded = {
  /** Complete even when there are errors, as far as the input allows. */
  readonly object: JsonObject
  /** For `Warning:` headers. */
  readonly warnings: readonly string[]
  /** At most one text, without the sentence that `decodeError()` puts before it; empty: the object is good. */
  readonly errors: readonly string[]
}

const maxStrictProblems = 100
/** Go's decoder stops at 10,000; schemas of custom resources are the only recursive type and never come near. */
const maxDepth = 500

/** Decodes an object of a definition such as `core.v1.Pod`. */
export function decodeObject(schemas: Schemas, definition: string, value: unknown, options: DecodeOptions): Decoded {
  return decodeStruct(schemas, structOf(schemas, definition), value, options)
}

/** Decodes an object of a compiled definition. */
export function decodeStruct(schemas: Schemas, struct: Struct, value: unknown, options: DecodeOptions): Decoded {
  const decoder = new Decoder(schemas, options.fieldValidation !== 'Ignore')
  const object = decoder.root(struct, value)
  const strict =
    options.fieldValidation === 'Ignore'
      ? []
      : struct.custom === undefined
        ? strictProblems(value, options.duplicates ?? [], decoder.unknown)
        : customProblems(options.duplicates ?? [], decoder.unknown)
  const errors =
    decoder.error !== undefined
      ? [decoder.error]
      : options.fieldValidation === 'Strict' && strict.length > 0
        ? [`strict decoding error: ${strict.join(', ')}`]
        : []
  return { object, warnings: options.fieldValidation === 'Warn' ? strict.flatMap(strictWarnings) : [], errors }
}

/** In the order of what was sent, as Go's decoder meets them; our decoder walks the table instead. */
function strictProblems(
  value: unknown,
  duplicates: readonly StrictProblem[],
  unknown: readonly UnknownField[],
): readonly string[] {
  const ranked = unknown.map(({ path, text }) => ({
    text: `unknown field ${goQuote(text)}`,
    rank: rankOf(value, path),
  }))
  // Of a field that is unknown and doubled, only the first is noticed.
  const known = duplicates.filter(({ text }) => !unknown.some((field) => isInside(text, field)))
  const problems = [...known, ...ranked].toSorted((a, b) => compareRanks(a.rank, b.rank)).map(({ text }) => text)
  return [...new Set(problems)].slice(0, maxStrictProblems)
}

/** Of custom kinds doubled fields are found first, then unknown ones: those of the metadata, the others by their name. */
function customProblems(duplicates: readonly StrictProblem[], unknown: readonly UnknownField[]): readonly string[] {
  const problems = [
    ...duplicates.map(({ text }) => text),
    ...unknown.map(({ text }) => `unknown field ${goQuote(text)}`),
  ]
  return [...new Set(problems)].slice(0, maxStrictProblems)
}

function isInside(duplicate: string, { text }: UnknownField): boolean {
  const start = `duplicate field ${goQuote(text).slice(0, -1)}`
  return duplicate.startsWith(start) && ['"', '.', '['].includes(duplicate.charAt(start.length))
}

/** What the YAML reader says at once are several warnings. Source: `parseYAMLWarnings`. */
export function strictWarnings(problem: string): readonly string[] {
  const lines = /^(?:error converting YAML to JSON: )?yaml: unmarshal errors:\n(.*)$/s.exec(problem)?.[1]
  return lines === undefined ? [problem] : lines.split('\n').map((line) => line.trim())
}

function rankOf(value: unknown, path: readonly (string | number)[]): readonly number[] {
  let at: unknown = value
  return path.map((part) => {
    const inside = typeof part === 'number' || !isJsonObject(at) ? Number(part) : Object.keys(at).indexOf(part)
    at = (at as Record<string | number, unknown>)[part]
    return inside
  })
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const differs = a.findIndex((rank, i) => rank !== b[i])
  return differs < 0 ? -1 : (a[differs] ?? 0) - (b[differs] ?? -1)
}

type UnknownField = { readonly path: readonly (string | number)[]; readonly text: string }

/** The answer to a body that could not be decoded: `Deployment in version "v1" cannot be handled as a Deployment: …`. */
export function decodeError(
  sent: { readonly kind: string; readonly version: string },
  kind: string,
  error: string,
): StatusError {
  return badRequest(`${sent.kind} in version "${sent.version}" cannot be handled as a ${kind}: ${error}`)
}

class Decoder {
  readonly unknown: UnknownField[] = []
  /** The first wrong type, as Go's decoder reports only one. */
  error: string | undefined
  readonly #schemas: Schemas
  readonly #strict: boolean
  readonly #path: (string | number)[] = []
  /** Where the path has keys of maps, which Go does not name. */
  readonly #keys: number[] = []
  #structName = ''

  constructor(schemas: Schemas, strict: boolean) {
    this.#schemas = schemas
    this.#strict = strict
  }

  root(struct: Struct, value: unknown): JsonObject {
    if (!isJsonObject(value)) {
      if (value !== null && value !== undefined) {
        this.error = `json: cannot unmarshal ${goKind(value)} into Go value of type ${goStruct(struct)}`
      }
      return structDefault(struct)
    }
    const { gvk } = struct
    if (struct.custom !== undefined) return this.#custom(struct, struct.custom, value)
    if (gvk === undefined) return this.#struct(struct, value, {})
    const apiVersion = gvk.group === '' ? gvk.version : `${gvk.group}/${gvk.version}`
    // Upstream writes the kind first.
    return this.#struct(struct, value, { kind: gvk.kind, apiVersion })
  }

  /** Type and metadata are decoded as those of any kind; wrong types elsewhere are left to validation. */
  #custom(struct: Struct, custom: CustomBehaviour, value: JsonObject): JsonObject {
    const { kind, apiVersion, metadata, ...rest } = value
    const head: Record<string, Json> = {}
    for (const [name, given] of Object.entries({ apiVersion, kind, metadata })) {
      const field = struct.fields.get(name)
      if (field === undefined || given === undefined || given === null) continue
      this.#structName = struct.name
      this.#path.push(name)
      // Metadata is decoded on its own, so that messages do not name it.
      if (name === 'metadata') this.#keys.push(0)
      const decoded = this.#value(field.type, given)
      if (name === 'metadata') this.#keys.pop()
      this.#path.pop()
      if (decoded !== undefined) head[name] = decoded
    }
    if (isDeeperThan(rest, maxDepth)) this.error ??= 'exceeded max depth'
    if (this.error !== undefined) return head
    const dropped: string[] = []
    const kept = custom.prune(
      rest,
      (path) => dropped.push(path),
      (problem) => this.#fail(problem),
    )
    if (this.#strict) {
      for (const path of dropped.slice(0, maxStrictProblems)) this.unknown.push({ path: [], text: path })
    }
    return custom.fillDefaults({ ...head, ...kept })
  }

  #struct(struct: Struct, input: JsonObject, output: Record<string, Json>): JsonObject {
    if (this.#path.length > maxDepth) {
      this.error ??= 'exceeded max depth'
      return output
    }
    const outer = this.#structName
    let seen = 0
    const { ordered } = struct
    for (let i = 0; i < ordered.length; i++) {
      const field = ordered[i]
      if (field === undefined) continue
      const { name } = field
      const value = input[name]
      if (value === undefined) {
        if (field.default !== undefined) output[name] = field.default
        continue
      }
      seen++
      this.#structName = struct.name
      this.#path.push(name)
      const decoded = value === null ? undefined : this.#value(field.type, value as Json)
      this.#path.pop()
      if (
        decoded === undefined ||
        (field.default === undefined && !field.pointer && isOmitted(field, decoded) && !this.#isReset(name))
      ) {
        if (field.default !== undefined && decoded === undefined) output[name] = field.default
      } else if (output[name] === undefined) output[name] = decoded
    }
    this.#structName = outer
    if (struct.preserveUnknown) this.#preserve(struct, input, output)
    else if (this.#strict) this.#findUnknown(struct, input, seen)
    return output
  }

  /** An empty list of managed fields asks to forget them all; none at all keeps them. */
  #isReset(name: string): boolean {
    return name === 'managedFields' && this.#path.length === 1
  }

  #preserve(struct: Struct, input: JsonObject, output: Record<string, Json>): void {
    for (const [key, value] of Object.entries(input)) {
      if (!struct.fields.has(key) && value !== undefined) setOwn(output, key, value)
    }
  }

  #findUnknown(struct: Struct, input: JsonObject, seen: number): void {
    const keys = Object.keys(input)
    if (keys.length === seen) return
    for (const key of keys) {
      if (struct.fields.has(key) || this.unknown.length >= maxStrictProblems) continue
      this.unknown.push({ path: [...this.#path, key], text: this.#at(key) })
    }
  }

  #value(type: FieldType, value: Json): Json | undefined {
    switch (type.type) {
      case 'scalar':
        return this.#scalar(type.scalar, value)
      case 'list':
        return Array.isArray(value) ? this.#list(type.items, value) : this.#wrong(value, type)
      case 'map':
        return isJsonObject(value) ? this.#map(type.values, value) : this.#wrong(value, type)
      case 'struct':
        return isJsonObject(value) ? this.#struct(type.struct, value, {}) : this.#wrong(value, type)
    }
  }

  #list(items: FieldType, values: readonly Json[]): Json {
    const list: Json[] = new Array<Json>(values.length)
    for (let i = 0; i < values.length; i++) {
      this.#path.push(i)
      const value = values[i]
      const decoded = value === null || value === undefined ? undefined : this.#value(items, value)
      list[i] = decoded ?? zeroOf(items)
      this.#path.pop()
    }
    return list
  }

  #map(values: FieldType, input: JsonObject): Json {
    const map: Record<string, Json> = {}
    this.#keys.push(this.#path.length)
    for (const key of Object.keys(input)) {
      this.#path.push(key)
      const value = input[key]
      const decoded = value === null || value === undefined ? undefined : this.#value(values, value)
      setOwn(map, key, decoded ?? zeroOf(values))
      this.#path.pop()
    }
    this.#keys.pop()
    return map
  }

  #scalar(scalar: ScalarName, value: Json): Json | undefined {
    switch (scalar) {
      case 'string':
        return typeof value === 'string' ? value : this.#wrongScalar(value, scalar)
      case 'bool':
        return typeof value === 'boolean' ? value : this.#wrongScalar(value, scalar)
      case 'int32':
        if (typeof value !== 'number') return this.#wrongScalar(value, scalar)
        return (value | 0) === value ? value : this.#wrongScalar(value, scalar, `number ${value}`)
      case 'int64':
        if (typeof value !== 'number') return this.#wrongScalar(value, scalar)
        return Number.isInteger(value) && Math.abs(value) <= 2 ** 63
          ? value
          : this.#wrongScalar(value, scalar, `number ${value}`)
      case 'double':
        return typeof value === 'number' ? value : this.#wrongScalar(value, scalar)
      case 'quantity':
        return this.#quantity(value)
      case 'intOrString':
        return this.#intOrString(value)
      case 'time':
        return this.#time(value, canonicalTime, '2006-01-02T15:04:05Z07:00')
      case 'microTime':
        return this.#time(value, canonicalMicroTime, '2006-01-02T15:04:05.000000Z07:00')
      case 'bytes':
        return this.#bytes(value)
      case 'rawExtension':
      case 'json':
      case 'fieldsV1':
        return this.#raw(value)
      case 'schemaOrArray':
      case 'schemaOrBool':
      case 'schemaOrStrings':
        return this.#schemaOr(value)
    }
  }

  #quantity(value: Json): Json | undefined {
    const text = typeof value === 'number' ? String(value) : value
    const canonical = typeof text === 'string' ? canonicalQuantity(text.trim()) : undefined
    return canonical ?? this.#fail(quantityProblem(text))
  }

  #intOrString(value: Json): Json | undefined {
    if (typeof value === 'string' || (typeof value === 'number' && (value | 0) === value)) return value
    return this.#wrongScalar(value, 'int32', typeof value === 'number' ? `number ${value}` : goKind(value))
  }

  #time(value: Json, canonical: (text: string) => string | undefined, layout: string): Json | undefined {
    if (typeof value !== 'string') return this.#wrongScalar(value, 'string')
    return canonical(value) ?? this.#fail(timeProblem(value, layout))
  }

  #bytes(value: Json): Json | undefined {
    if (typeof value !== 'string') return this.#wrongScalar(value, 'bytes')
    const problem = base64Problem(value)
    return problem === undefined ? canonicalBase64(value) : this.#fail(problem)
  }

  #raw(value: Json): Json | undefined {
    return isDeeperThan(value, maxDepth) ? this.#fail('exceeded max depth') : value
  }

  /** A JSON schema, or something simpler in its place (`additionalProperties: true`). */
  #schemaOr(value: Json): Json | undefined {
    const struct = this.#schemas.structs.get('apiextensions.v1.JSONSchemaProps')
    if (struct === undefined || typeof value !== 'object' || value === null) return value
    if (isJsonObject(value)) return this.#struct(struct, value, {})
    return (value as readonly Json[]).map((item) => (isJsonObject(item) ? this.#struct(struct, item, {}) : item))
  }

  #wrongScalar(value: Json, scalar: ScalarName, kind = goKind(value)): undefined {
    return this.#wrong(value, { type: 'scalar', scalar }, kind)
  }

  #wrong(value: Json, type: FieldType, kind = goKind(value)): undefined {
    const names = this.#path.filter((part, index) => typeof part === 'string' && !this.#keys.includes(index))
    const owner = this.#structName.slice(this.#structName.lastIndexOf('.') + 1)
    return this.#fail(
      `json: cannot unmarshal ${kind} into Go struct field ${owner}.${names.join('.')} of type ${goType(type)}`,
    )
  }

  #fail(error: string): undefined {
    this.error ??= error
    return undefined
  }

  #at(key: string): string {
    let path = ''
    for (const part of this.#path) path += typeof part === 'number' ? `[${part}]` : `${path === '' ? '' : '.'}${part}`
    return path === '' ? key : `${path}.${key}`
  }
}

/** Go's `omitempty` on a field that is no pointer. */
function isOmitted({ type }: Field, value: Json): boolean {
  switch (type.type) {
    case 'struct':
      return false
    case 'list':
      return (value as readonly Json[]).length === 0
    case 'map':
      for (const _ in value as JsonObject) return false
      return true
    case 'scalar':
      // Any JSON is kept: `default: ""` says something.
      return value === ''
        ? type.scalar !== 'intOrString' && type.scalar !== 'json'
        : value === 0
          ? type.scalar !== 'intOrString' && type.scalar !== 'json'
          : value === false && type.scalar === 'bool'
  }
}

/** What Go leaves in a list or map where the JSON has null. */
function zeroOf(type: FieldType): Json {
  switch (type.type) {
    case 'struct':
      return structDefault(type.struct)
    case 'list':
    case 'map':
      return null
    case 'scalar':
      return zeroScalars[type.scalar] ?? null
  }
}
const zeroScalars: Partial<Record<ScalarName, Json>> = {
  string: '',
  bytes: '',
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  quantity: '0',
  intOrString: 0,
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  if (value === null) return 'null'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

const goScalars: Partial<Record<ScalarName, string>> = {
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  fieldsV1: 'v1.FieldsV1',
}

function goType(type: FieldType): string {
  switch (type.type) {
    case 'scalar':
      return goScalars[type.scalar] ?? type.scalar
    case 'list':
      return `[]${goType(type.items)}`
    case 'map':
      return `map[string]${goType(type.values)}`
    case 'struct':
      return goStruct(type.struct)
  }
}

/** `apps.v1.DeploymentSpec` is `v1.DeploymentSpec` in Go's words. */
function goStruct({ name }: Struct): string {
  return name.slice(name.indexOf('.') + 1)
}

const quantityPattern = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'

function quantityProblem(text: Json): string {
  const suffixOnly = typeof text === 'string' && /^[+-]?[0-9.]+[eEinumkKMGTP]*[-+]?[0-9]*$/.test(text)
  return suffixOnly
    ? "unable to parse quantity's suffix"
    : `quantities must match the regular expression '${quantityPattern}'`
}
