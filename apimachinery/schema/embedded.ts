/**
 * Type and metadata of resources inside of custom objects (`x-kubernetes-embedded-resource`): what no metadata has is dropped, wrong
 * types are told. Source: apiextensions-apiserver `pkg/apiserver/schema/objectmeta`.
 */
import { invalidValue } from '../field-errors.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts'
import { copyOf, mapList, type OnUnknown, schemaAt } from './structural.ts'

/** Decodes metadata as that of any object. */
export type DecodeMeta = (metadata: JsonObject) => {
  readonly object: JsonObject
  readonly unknown: readonly string[]
  readonly error: string | undefined
}

export type Coercion = {
  readonly decodeMeta: DecodeMeta
  readonly onUnknown: OnUnknown
  /** Told what is wrong; without it what is wrong is dropped. */
  readonly onWrong: ((problem: string) => void) | undefined
}

/** Brings all embedded resources below an object into form. The object itself is none. */
export function coerceEmbedded(schema: JsonObject, object: JsonObject, coercion: Coercion): JsonObject {
  const coerced = coerce({ ...schema, 'x-kubernetes-embedded-resource': false }, object, '', coercion)
  return isJsonObject(coerced) ? coerced : object
}

function coerce(schema: JsonObject | undefined, value: Json, path: string, coercion: Coercion): Json {
  if (schema === undefined || typeof value !== 'object' || value === null) return value
  if (isJsonList(value)) {
    const items = schemaAt(schema, 'items')
    return mapList(value, (item, index) => coerce(items, item, `${path}[${index}]`, coercion))
  }
  const object = value as JsonObject
  const properties = schemaAt(schema, 'properties') ?? {}
  const additional = schemaAt(schema, 'additionalProperties')
  const isResource = schema['x-kubernetes-embedded-resource'] === true
  let next: Record<string, Json> | undefined
  for (const [key, part] of Object.entries(object)) {
    if (part === undefined) continue
    const at = path === '' ? key : `${path}.${key}`
    const own = isResource ? ownField(key, part, at, coercion) : part
    const coerced = own === undefined ? undefined : coerce(schemaAt(properties, key) ?? additional, own, at, coercion)
    if (coerced === part) continue
    next ??= copyOf(object)
    if (coerced === undefined) delete next[key]
    else setOwn(next, key, coerced)
  }
  return next ?? object
}

/** The field in form; `undefined`: it is dropped. */
function ownField(key: string, value: Json, path: string, coercion: Coercion): Json | undefined {
  const wrong = (words: string): Json | undefined => {
    if (coercion.onWrong === undefined) return undefined
    const { field, message } = invalidValue(path, value, words)
    coercion.onWrong(`${field}: ${message}`)
    return value
  }
  if (key === 'apiVersion' || key === 'kind') return typeof value === 'string' ? value : wrong('must be a string')
  if (key !== 'metadata') return value
  if (!isJsonObject(value)) {
    const kind = isJsonList(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value
    return value === null ? {} : wrong(`json: cannot unmarshal ${kind} into Go value of type v1.ObjectMeta`)
  }
  const { object, unknown, error } = coercion.decodeMeta(value)
  for (const name of unknown) coercion.onUnknown(`${path}.${name}`)
  if (error !== undefined && coercion.onWrong !== undefined) return wrong(error)
  return object
}
