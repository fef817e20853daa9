/**
 * A version of a CustomResourceDefinition compiled into the same structures as the table of `api/facts/`, so that apply, field
 * sets and OpenAPI need not know where a kind comes from. What only custom kinds do with values is `Struct.custom`.
 */
import { isJsonList, type Json, type JsonObject } from '../json.ts'
import { decodeStruct } from './decode.ts'
import { coerceEmbedded, type DecodeMeta } from './embedded.ts'
import type { CustomBehaviour, Field, FieldType, ListType, PublishedKind, Schemas, Struct } from './schema.ts'
import { fillDefaults, type OnUnknown, pruneRoot, schemaAt } from './structural.ts'

export type CustomKind = {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly schema: JsonObject
  readonly published?: PublishedKind
}

const json: FieldType = { type: 'scalar', scalar: 'json' }

/** `com.example.stable.v1.CronTab`: the name under which the kind stands in OpenAPI documents. */
export function customDefinition({ group, version, kind }: Omit<CustomKind, 'schema' | 'published'>): string {
  return [...group.split('.').toReversed(), version, kind].join('.')
}

/** The root structure of a custom kind. */
export function compileCustom(schemas: Schemas, { group, version, kind, schema, published }: CustomKind): Struct {
  const name = customDefinition({ group, version, kind })
  const own = compileFields(schemas, schema).filter((field) => !typeFields.has(field.name))
  const fields = [
    field('apiVersion', { type: 'scalar', scalar: 'string' }, {}),
    field('kind', { type: 'scalar', scalar: 'string' }, {}),
    field('metadata', metadataType(schemas), {}),
    // Defaults of the root are none of an empty object's: whoever creates an object owns them.
    ...own.map((one) => ({ ...one, declaredDefault: undefined })),
  ]
  const decodeMeta = hasEmbedded(schema) ? metaDecoder(schemas) : undefined
  const custom: CustomBehaviour = {
    schema,
    published: published ?? { plural: '', listKind: `${kind}List`, selectableFields: [] },
    prune: (object, onUnknown, onWrong) => prune(schema, object, decodeMeta, onUnknown, onWrong),
    fillDefaults: (object) => fillDefaults(schema, object),
  }
  return { ...struct(name, fields, schema), gvk: { group, version, kind }, custom }
}

/** Paths are told by their name, those in embedded metadata last. */
function prune(
  schema: JsonObject,
  object: JsonObject,
  decodeMeta: DecodeMeta | undefined,
  onUnknown: OnUnknown | undefined,
  onWrong: ((problem: string) => void) | undefined,
): JsonObject {
  const dropped: string[] = []
  const kept = pruneRoot(schema, object, (path) => dropped.push(path))
  for (const path of dropped.toSorted()) onUnknown?.(path)
  if (decodeMeta === undefined) return kept
  const unknown: string[] = []
  const coerced = coerceEmbedded(schema, kept, { decodeMeta, onUnknown: (path) => unknown.push(path), onWrong })
  for (const path of unknown.toSorted()) onUnknown?.(path)
  return coerced
}

function metaDecoder(schemas: Schemas): DecodeMeta {
  const meta = schemas.structs.get('meta.v1.ObjectMeta')
  return (value) => {
    if (meta === undefined) return { object: value, unknown: [], error: undefined }
    const { object, warnings, errors } = decodeStruct(schemas, meta, value, { fieldValidation: 'Warn' })
    const unknown = warnings.flatMap((text) => /^unknown field "(.*)"$/.exec(text)?.[1] ?? [])
    return { object, unknown, error: errors[0] }
  }
}

function hasEmbedded(schema: JsonObject): boolean {
  return JSON.stringify(schema).includes('"x-kubernetes-embedded-resource":true')
}

const typeFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata'])

function metadataType({ structs }: Schemas): FieldType {
  const meta = structs.get('meta.v1.ObjectMeta')
  return meta === undefined ? json : { type: 'struct', struct: meta }
}

function struct(name: string, ordered: readonly Field[], schema: JsonObject): Struct {
  return {
    name,
    gvk: undefined,
    atomic: schema['x-kubernetes-map-type'] === 'atomic',
    fields: new Map(ordered.map((one) => [one.name, one])),
    ordered,
    preserveUnknown: schema['x-kubernetes-preserve-unknown-fields'] === true,
  }
}

function compileFields(schemas: Schemas, schema: JsonObject): readonly Field[] {
  const properties = schemaAt(schema, 'properties') ?? {}
  return Object.keys(properties).map((name) => {
    const property = schemaAt(properties, name) ?? {}
    return field(name, compileType(schemas, property), property)
  })
}

function compileType(schemas: Schemas, schema: JsonObject): FieldType {
  if (schema['x-kubernetes-int-or-string'] === true) return { type: 'scalar', scalar: 'intOrString' }
  if (schema['x-kubernetes-embedded-resource'] === true) return embeddedType(schemas, schema)
  switch (schema['type']) {
    case 'string':
      return { type: 'scalar', scalar: 'string' }
    case 'boolean':
      return { type: 'scalar', scalar: 'bool' }
    case 'integer':
      return { type: 'scalar', scalar: 'int64' }
    case 'number':
      return { type: 'scalar', scalar: 'double' }
    case 'array':
      return { type: 'list', items: compileType(schemas, schemaAt(schema, 'items') ?? {}) }
    case 'object':
      return objectType(schemas, schema)
    default:
      return json
  }
}

function objectType(schemas: Schemas, schema: JsonObject): FieldType {
  const additional = schema['additionalProperties']
  if (schema['properties'] !== undefined)
    return { type: 'struct', struct: struct('', compileFields(schemas, schema), schema) }
  if (additional === undefined || typeof additional === 'boolean') return json
  return { type: 'map', values: compileType(schemas, schemaAt(schema, 'additionalProperties') ?? {}) }
}

function embeddedType(schemas: Schemas, schema: JsonObject): FieldType {
  const own = compileFields(schemas, schema).filter((one) => one.name !== 'metadata')
  const fields = [...own, field('metadata', metadataType(schemas), {})]
  return { type: 'struct', struct: struct('', fields, { ...schema, 'x-kubernetes-preserve-unknown-fields': true }) }
}

function field(name: string, type: FieldType, schema: JsonObject): Field {
  const listType = textAt(schema, 'x-kubernetes-list-type')
  const mapType = textAt(schema, 'x-kubernetes-map-type')
  const keys = schema['x-kubernetes-list-map-keys']
  return {
    name,
    element: `f:${name}`,
    numbers: [],
    required: false,
    type,
    listType: isMerged(listType) ? listType : 'atomic',
    keys: isJsonList(keys) ? keys.map(String) : [],
    atomic: mapType === 'atomic',
    patchMerge: false,
    patchRetainKeys: false,
    mergeKey: undefined,
    declaredListType: listType,
    declaredMapType: mapType,
    patchStrategy: undefined,
    pointer: true,
    default: undefined,
    declaredDefault: schema['default'],
  }
}

function isMerged(text: string | undefined): text is ListType {
  return text === 'set' || text === 'map'
}

function textAt(schema: JsonObject, key: string): string | undefined {
  const value: Json | undefined = schema[key]
  return typeof value === 'string' ? value : undefined
}
