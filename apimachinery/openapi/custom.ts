/**
 * The schema of a custom kind as it is published: its author's, with the fields that every object has. v2 is for old clients that
 * cannot cope with much, so that what they misunderstand is left out.
 * Source: apiextensions-apiserver `pkg/controller/openapi/builder`, `openapi/v2/conversion.go`.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Struct } from '../schema/schema.ts'
import { type Describe, type Dialect, longName, reference } from './names.ts'

const preserve = 'x-kubernetes-preserve-unknown-fields'
const embedded = 'x-kubernetes-embedded-resource'
const intOrString = 'x-kubernetes-int-or-string'

/** The published definition of a custom kind. */
export function renderCustom(struct: Struct, schema: JsonObject, dialect: Dialect, describe: Describe): JsonObject {
  const gvk = { 'x-kubernetes-group-version-kind': struct.gvk === undefined ? [] : [struct.gvk] }
  // kubectl would refuse everything that is not named.
  if (dialect === 'v2' && schema[preserve] === true) return { type: 'object', ...gvk }
  const published = dialect === 'v2' ? renderV2(schema, describe) : renderV3(schema, describe)
  const properties = isJsonObject(published['properties']) ? published['properties'] : {}
  return { ...published, properties: { ...properties, ...objectFields(dialect, describe) }, ...gvk }
}

function objectFields(dialect: Dialect, describe: Describe): JsonObject {
  const text = (name: string): JsonObject => ({ ...described(describe('meta.v1.Status', name)), type: 'string' })
  const $ref = reference(dialect, longName('meta.v1.ObjectMeta'))
  const description = "Standard object's metadata."
  return {
    apiVersion: text('apiVersion'),
    kind: text('kind'),
    metadata: dialect === 'v2' ? { description, $ref } : { description, allOf: [{ $ref }], default: {} },
  }
}

function described(description: string | undefined): JsonObject {
  return description === undefined ? {} : { description }
}

function renderV3(schema: JsonObject, describe: Describe): JsonObject {
  return withEmbedded(
    schema,
    below(schema, (inner) => renderV3(inner, describe)),
    'v3',
    describe,
  )
}

const notInV2 = new Set(['allOf', 'oneOf', 'anyOf', 'not', 'nullable', 'default'])

function renderV2(schema: JsonObject, describe: Describe): JsonObject {
  const kept = Object.fromEntries(Object.entries(schema).filter(([key]) => !notInV2.has(key)))
  const isNullable = schema['nullable'] === true
  const keeps = schema[preserve] === true
  const drop = (...keys: readonly string[]): JsonObject =>
    Object.fromEntries(Object.entries(kept).filter(([key]) => !keys.includes(key)))
  // Values without a type break clients if items or properties are there; objects that keep everything, if they have a type.
  const shaped = isNullable
    ? drop('type', 'items', 'properties')
    : keeps
      ? drop('items', 'properties', ...(kept['type'] === 'object' || kept['type'] === 'array' ? ['type'] : []))
      : kept
  const typed = schema[intOrString] === true ? without(shaped, 'type') : shaped
  const out = below(typed, (inner) => renderV2(inner, describe))
  return withEmbedded(schema, withoutNullableRequired(schema, out), 'v2', describe)
}

function without(schema: JsonObject, key: string): JsonObject {
  const { [key]: _, ...rest } = schema
  return rest
}

function withoutNullableRequired(schema: JsonObject, out: JsonObject): JsonObject {
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {}
  const names = out['required']
  if (!isJsonList(names)) return out
  const left = names.filter((name) => !isNullable(properties[String(name)]))
  return left.length === 0 ? without(out, 'required') : { ...out, required: left }
}

function isNullable(schema: Json | undefined): boolean {
  return isJsonObject(schema) && schema['nullable'] === true
}

function withEmbedded(schema: JsonObject, out: JsonObject, dialect: Dialect, describe: Describe): JsonObject {
  if (schema[embedded] !== true || (dialect === 'v2' && schema[preserve] === true)) return out
  const properties = isJsonObject(out['properties']) ? out['properties'] : {}
  const required = isJsonList(out['required']) ? out['required'].map(String) : []
  return {
    ...out,
    properties: { ...properties, ...objectFields(dialect, describe) },
    required: [...new Set([...required, 'kind', 'apiVersion'])],
  }
}

/** Renders all schemas directly below. */
function below(schema: JsonObject, render: (inner: JsonObject) => JsonObject): JsonObject {
  const one = (value: Json | undefined): Json => (isJsonObject(value) ? render(value) : (value ?? null))
  const { properties, items, additionalProperties } = schema
  return {
    ...schema,
    ...(isJsonObject(properties)
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, one(inner)])) }
      : {}),
    ...(items === undefined ? {} : { items: one(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: one(additionalProperties) }),
  }
}
