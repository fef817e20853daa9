/**
 * Reads what an applier sends. Other than a whole object it gets no defaults: what it does not say it does not own. Scalars are
 * written canonically, so that `1000m` does not conflict with `1`. Messages are those of upstream's typed values.
 * Source: structured-merge-diff `typed/validate.go`.
 */
import { goQuote } from '../field-errors.ts'
import { goType, isDeeperThan, isJsonList, isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts'
import { canonicalQuantity } from '../quantity.ts'
import { canonicalMicroTime, canonicalTime } from '../schema/scalars.ts'
import type { Field, FieldType, ScalarName, Struct } from '../schema/schema.ts'
import { badRequest, StatusError } from '../status.ts'
import { elementText, itemElement, missingKey, valueElement } from './field-set.ts'

const maxDepth = 500

/** The configuration, or the answer to one that does not fit the schema. A null is held like any other value. */
export function decodeConfiguration(struct: Struct, value: unknown): JsonObject {
  if (!isJsonObject(value)) {
    const problem = `json: cannot unmarshal ${goType(value)} into Go value of type map[string]interface {}`
    throw badRequest(`error decoding YAML: error unmarshaling JSON: while decoding JSON: ${problem}`)
  }
  if (isDeeperThan(value, maxDepth)) throw badRequest('exceeded max depth')
  const { config, problem } = typedConfiguration(struct, value)
  if (problem === undefined) return config
  throw new StatusError(
    '',
    `failed to create typed patch object (${subject(struct, value)}): ${problem}`,
    undefined,
    500,
  )
}

/** The configuration, and what does not fit the schema. */
export function typedConfiguration(
  struct: Struct,
  value: JsonObject,
): { readonly config: JsonObject; readonly problem: string | undefined } {
  const reader = new Reader(Object.keys)
  const config = reader.struct(struct, value, '')
  return { config, problem: reader.problems.length === 0 ? undefined : problemOf(struct, value) }
}

/** Upstream reads fields sorted by name, and none of a struct after one that the struct does not have. */
function problemOf(struct: Struct, value: JsonObject): string | undefined {
  const reader = new Reader((object) => Object.keys(object).toSorted())
  reader.struct(struct, value, '')
  const { problems } = reader
  return problems.length > 1 ? ['errors:', ...problems.map((text) => `  ${text}`)].join('\n') : problems[0]
}

function subject({ gvk }: Struct, config: JsonObject): string {
  const metadata = isJsonObject(config['metadata']) ? config['metadata'] : {}
  const version = gvk === undefined ? '' : `${gvk.group}/${gvk.version}`
  return `${String(metadata['namespace'] ?? '')}/${String(metadata['name'] ?? '')}; ${version}, Kind=${gvk?.kind ?? ''}`
}

function isDeclared(struct: Struct, key: string): boolean {
  return struct.fields.has(key) || struct.additional !== undefined || struct.preserveUnknown
}

class Reader {
  readonly problems: string[] = []
  readonly #keysOf: (object: JsonObject) => readonly string[]

  constructor(keysOf: (object: JsonObject) => readonly string[]) {
    this.#keysOf = keysOf
  }

  struct(struct: Struct, value: JsonObject, path: string): JsonObject {
    const config: Record<string, Json> = {}
    for (const key of this.#keysOf(value)) {
      const part = value[key]
      if (part === undefined) continue
      const field = struct.fields.get(key)
      const at = `${path}.${key}`
      if (part === null && isDeclared(struct, key)) setOwn(config, key, null)
      else if (field !== undefined) setOwn(config, key, this.#field(field, part, at))
      else if (struct.additional !== undefined) setOwn(config, key, this.#value(undefined, struct.additional, part, at))
      else if (struct.preserveUnknown) setOwn(config, key, part)
      else {
        this.problems.push(`${at}: field not declared in schema`)
        break
      }
    }
    return config
  }

  #field(field: Field, value: Json, path: string): Json {
    return this.#value(field, field.type, value, path)
  }

  #value(field: Field | undefined, type: FieldType, value: Json, path: string): Json {
    switch (type.type) {
      case 'scalar':
        return this.#scalar(type.scalar, value, path)
      case 'list':
        return isJsonList(value) ? this.#list(field, type.items, value, path) : this.#wrong(path, 'list', value)
      case 'map':
        return isJsonObject(value) ? this.#map(type.values, value, path) : this.#wrong(path, 'map', value)
      case 'struct':
        return isJsonObject(value) ? this.struct(type.struct, value, path) : this.#wrong(path, 'map', value)
    }
  }

  #list(field: Field | undefined, items: FieldType, list: readonly Json[], path: string): Json {
    const seen = new Set<string>()
    return list.map((item, index) => {
      const element = this.#element(field, item, index, path)
      if (field?.listType !== 'atomic' && seen.has(element)) {
        this.problems.push(`${path}: duplicate entries for key ${element}`)
      }
      seen.add(element)
      if (item === null && field !== undefined && field.listType !== 'atomic') return null
      if (field?.listType === 'map' && !isJsonObject(item)) return item
      return this.#value(undefined, items, item, `${path}${element}`)
    })
  }

  #element(field: Field | undefined, item: Json, index: number, path: string): string {
    if (field === undefined || field.listType === 'atomic') return `[${index}]`
    if (item === null) {
      const words =
        field.listType === 'set'
          ? "out keys has an element that's an explicit null"
          : ' keys may not have a null element'
      this.problems.push(`${path}: element ${index}: associative list with${words}`)
      return `[${index}]`
    }
    if (field.listType === 'set') return elementText(valueElement(item))
    if (!isJsonObject(item)) {
      this.problems.push(`${path}: element ${index}: associative list with keys may not have non-map elements`)
      return `[${index}]`
    }
    const missing = missingKey(field, item)
    if (missing === undefined) return elementText(itemElement(field, item))
    this.problems.push(
      `${path}: element ${index}: associative list with keys has an element that omits key field ${goQuote(missing)} (and doesn't have default value)`,
    )
    return `[${index}]`
  }

  #map(values: FieldType, map: JsonObject, path: string): Json {
    const config: Record<string, Json> = {}
    for (const key of this.#keysOf(map)) {
      const value = map[key]
      if (value !== undefined)
        setOwn(config, key, value === null ? null : this.#value(undefined, values, value, `${path}.${key}`))
    }
    return config
  }

  #scalar(scalar: ScalarName, value: Json, path: string): Json {
    switch (scalar) {
      case 'string':
      case 'bytes':
        return typeof value === 'string' ? value : this.#wrong(path, 'string', value)
      case 'bool':
        return typeof value === 'boolean' ? value : this.#wrong(path, 'boolean', value)
      case 'int32':
      case 'int64':
      case 'double':
        return typeof value === 'number' ? value : this.#wrong(path, 'numeric (int or float)', value)
      case 'quantity':
        return canonicalQuantity(String(value).trim()) ?? value
      case 'time':
        return (typeof value === 'string' ? canonicalTime(value) : undefined) ?? value
      case 'microTime':
        return (typeof value === 'string' ? canonicalMicroTime(value) : undefined) ?? value
      case 'intOrString':
      case 'json':
      case 'rawExtension':
      case 'fieldsV1':
      case 'schemaOrArray':
      case 'schemaOrBool':
      case 'schemaOrStrings':
        return value
    }
  }

  #wrong(path: string, expected: string, value: Json): Json {
    this.problems.push(`${path}: expected ${expected}, got ${goValue(expected, value)}`)
    return value
  }
}

/** Upstream prints the value in a different form for each expectation. */
function goValue(expected: string, value: Json): string {
  const text = typeof value === 'string' ? goQuote(value) : JSON.stringify(value)
  if (expected.startsWith('numeric')) return typeof value === 'boolean' ? 'bool' : typeof value
  if (expected === 'string') return `&value.valueUnstructured{Value:${text}}`
  return `&{${typeof value === 'string' ? value : text}}`
}
