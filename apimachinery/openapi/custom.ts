/**
 * The schema of a custom kind as it is published: its author's, with the fields that every object has. v2 is for old clients that
 * cannot cope with much, so that what they misunderstand is left out.
 * Source: apiextensions-apiserver `pkg/controller/openapi/builder`, `openapi/v2/conversion.go`.
 */
import { equalJson, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { CustomBehaviour, PublishedKind, Struct } from '../schema/schema.ts'
import { type Describe, type Dialect, longName, reference } from './names.ts'

const preserve = 'x-kubernetes-preserve-unknown-fields'
const embedded = 'x-kubernetes-embedded-resource'
const intOrString = 'x-kubernetes-int-or-string'

/** The published definition of a custom kind. */
export function renderCustom(
  struct: Struct,
  { schema, published: kind }: CustomBehaviour,
  dialect: Dialect,
  describe: Describe,
): JsonObject {
  const marks = {
    'x-kubernetes-group-version-kind': struct.gvk === undefined ? [] : [struct.gvk],
    ...selectable(kind),
  }
  // kubectl would refuse everything that is not named.
  if (dialect === 'v2' && schema[preserve] === true) return { type: 'object', ...marks }
  const published = dialect === 'v2' ? renderV2(schema) : renderV3(schema)
  const properties = isJsonObject(published['properties']) ? published['properties'] : {}
  return { ...published, properties: { ...properties, ...objectFields(dialect, describe) }, ...marks }
}

/** The published definition of a list of a custom kind. */
export function renderCustomList(
  struct: Struct,
  { published }: CustomBehaviour,
  dialect: Dialect,
  describe: Describe,
): JsonObject {
  const { gvk, name } = struct
  const { plural, listKind } = published
  const more = 'More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md'
  return {
    description: `${listKind} is a list of ${gvk?.kind ?? ''}`,
    required: ['items'],
    type: 'object',
    properties: {
      ...typeFields(describe),
      items: {
        description: `List of ${plural}. ${more}`,
        type: 'array',
        items: { $ref: reference(dialect, longName(name)) },
      },
      metadata: metadataField(dialect, 'meta.v1.ListMeta', `Standard list metadata. ${more}#types-kinds`),
    },
    ...(gvk === undefined ? {} : { 'x-kubernetes-group-version-kind': [{ ...gvk, kind: listKind }] }),
    ...selectable(published),
  }
}

function selectable({ selectableFields }: PublishedKind): JsonObject {
  if (selectableFields.length === 0) return {}
  return { 'x-kubernetes-selectable-fields': selectableFields.map((fieldPath) => ({ fieldPath })) }
}

const conventions = 'https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md'

function typeFields(describe: Describe): JsonObject {
  const text = (name: string): JsonObject => ({ ...described(describe('meta.v1.Status', name)), type: 'string' })
  return { apiVersion: text('apiVersion'), kind: text('kind') }
}

function metadataField(dialect: Dialect, definition: string, description: string): JsonObject {
  const $ref = reference(dialect, longName(definition))
  return dialect === 'v2' ? { description, $ref } : { description, allOf: [{ $ref }] }
}

function objectFields(dialect: Dialect, describe: Describe): JsonObject {
  const description = `Standard object's metadata. More info: ${conventions}#metadata`
  return { ...typeFields(describe), metadata: metadataField(dialect, 'meta.v1.ObjectMeta', description) }
}

/** The type of embedded resources has texts of its own. Source: `addEmbeddedProperties`. */
function embeddedFields(dialect: Dialect): JsonObject {
  const version = `apiVersion defines the versioned schema of this representation of an object. More info: ${conventions}#resources`
  const kind = `kind is a string value representing the type of this object. In CamelCase. More info: ${conventions}#types-kinds`
  return {
    apiVersion: { description: version, type: 'string' },
    kind: { description: kind, type: 'string' },
    metadata: metadataField(
      dialect,
      'meta.v1.ObjectMeta',
      `Standard object's metadata. More info: ${conventions}#metadata`,
    ),
  }
}

function described(description: string | undefined): JsonObject {
  return description === undefined ? {} : { description }
}

function renderV3(schema: JsonObject): JsonObject {
  return withEmbedded(schema, below(unfolded(schema), renderV3), 'v3')
}

const either: Json = [{ type: 'integer' }, { type: 'string' }]

/** What integers or strings are is said in words that everyone knows. Source: apiextensions-apiserver `schema/unfold.go`. */
function unfolded(schema: JsonObject): JsonObject {
  const { anyOf, allOf } = schema as Readonly<Record<string, Json | undefined>>
  const first = isJsonList(allOf) ? allOf[0] : undefined
  const isSaid = equalJson(anyOf, either) || (isJsonObject(first) && equalJson(first['anyOf'], either))
  if (schema[intOrString] !== true || isSaid) return schema
  if (anyOf === undefined) return { ...schema, anyOf: either }
  return { ...schema, allOf: [{ anyOf: either }, ...(isJsonList(allOf) ? allOf : [])] }
}

const notInV2 = new Set(['allOf', 'oneOf', 'anyOf', 'not', 'nullable', 'default'])

function renderV2(schema: JsonObject): JsonObject {
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
  const out = below(typed, renderV2)
  return withEmbedded(schema, withoutNullableRequired(schema, out), 'v2')
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

function withEmbedded(schema: JsonObject, out: JsonObject, dialect: Dialect): JsonObject {
  if (schema[embedded] !== true || (dialect === 'v2' && schema[preserve] === true)) return out
  const properties = isJsonObject(out['properties']) ? out['properties'] : {}
  const required = isJsonList(out['required']) ? out['required'].map(String) : []
  return {
    ...out,
    properties: { ...properties, ...embeddedFields(dialect) },
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
