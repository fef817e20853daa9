/**
 * The schemas of OpenAPI v2 and v3, derived from the compiled table: upstream's long names, and one rendering of a field for each
 * of the two dialects. Lists of a kind (`PodList`) are not in the table; they follow from the kind.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Field, FieldType, ScalarName, Schemas, Struct } from '../schema/schema.ts'
import { renderCustom, renderCustomList } from './custom.ts'
import { type Describe, type Dialect, longName, reference } from './names.ts'

const apiextensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1'
const scalarDefinitions: Partial<Record<ScalarName, string>> = {
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  intOrString: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  time: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
  microTime: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
  rawExtension: 'io.k8s.apimachinery.pkg.runtime.RawExtension',
  fieldsV1: 'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1',
  json: `${apiextensions}.JSON`,
  schemaOrArray: `${apiextensions}.JSONSchemaPropsOrArray`,
  schemaOrBool: `${apiextensions}.JSONSchemaPropsOrBool`,
  schemaOrStrings: `${apiextensions}.JSONSchemaPropsOrStringArray`,
}
const patchDefinition = 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch'

/** Definitions that are no structs. */
const opaque: Readonly<Record<string, { readonly v2: JsonObject; readonly v3: JsonObject }>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    v2: { type: 'string' },
    v3: { oneOf: [{ type: 'string' }, { type: 'number' }] },
  },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': {
    v2: { type: 'string', format: 'int-or-string' },
    v3: { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  },
  'io.k8s.apimachinery.pkg.apis.meta.v1.Time': same({ type: 'string', format: 'date-time' }),
  'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime': same({ type: 'string', format: 'date-time' }),
  'io.k8s.apimachinery.pkg.runtime.RawExtension': same({ type: 'object' }),
  'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1': same({ type: 'object' }),
  [patchDefinition]: same({ type: 'object' }),
}

function same(schema: JsonObject): { readonly v2: JsonObject; readonly v3: JsonObject } {
  return { v2: schema, v3: schema }
}

/** The definition of a kind's list. */
export function listName(definition: string): string {
  return `${longName(definition)}List`
}

export type DefinitionsInput = {
  readonly schemas: Schemas
  readonly dialect: Dialect
  /** Definitions to begin with; all that they refer to come along. */
  readonly roots: readonly string[]
  /** Definitions whose lists are wanted as well. */
  readonly lists: readonly string[]
  readonly describe?: Describe
}

/** All definitions that are reachable, by their long names, sorted. */
export function renderDefinitions({
  schemas,
  dialect,
  roots,
  lists,
  describe = () => undefined,
}: DefinitionsInput): JsonObject {
  const rendered = new Map<string, JsonObject>()
  const renderer = new Renderer(dialect, describe)
  const waiting = [...roots, ...lists, ...(lists.length > 0 ? ['meta.v1.ListMeta'] : [])]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const long = longName(name)
    const struct = schemas.structs.get(name)
    if (rendered.has(long)) continue
    if (struct === undefined) {
      const shape = opaque[name]?.[dialect] ?? {}
      rendered.set(name, { ...described(describe(name)), ...shape })
      continue
    }
    if (struct.custom !== undefined) {
      rendered.set(long, renderCustom(struct, struct.custom, dialect, describe))
      waiting.push('meta.v1.ObjectMeta')
      continue
    }
    rendered.set(long, renderer.struct(struct))
    for (const field of struct.ordered) waiting.push(...referred(field.type))
  }
  for (const name of lists) {
    const struct = schemas.structs.get(name)
    if (struct?.gvk === undefined) continue
    const list =
      struct.custom === undefined ? renderer.list(struct) : renderCustomList(struct, struct.custom, dialect, describe)
    rendered.set(listName(name), list)
  }
  return Object.fromEntries([...rendered.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function referred(type: FieldType): readonly string[] {
  switch (type.type) {
    case 'scalar':
      return [scalarDefinitions[type.scalar] ?? []].flat()
    case 'list':
      return referred(type.items)
    case 'map':
      return referred(type.values)
    case 'struct':
      return [type.struct.name]
  }
}

function described(description: string | undefined): JsonObject {
  return description === undefined ? {} : { description }
}

class Renderer {
  readonly #dialect: Dialect
  readonly #describe: Describe

  constructor(dialect: Dialect, describe: Describe) {
    this.#dialect = dialect
    this.#describe = describe
  }

  struct(struct: Struct): JsonObject {
    const required = struct.ordered.filter((field) => field.required).map((field) => field.name)
    const properties = struct.ordered.map((field): [string, Json] => [field.name, this.#field(struct, field)])
    return {
      ...described(this.#describe(struct.name)),
      ...(required.length === 0 ? {} : { required }),
      type: 'object',
      ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
      ...(struct.gvk === undefined ? {} : { 'x-kubernetes-group-version-kind': [struct.gvk] }),
      ...(struct.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {}),
      ...(struct.preserveUnknown ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
    }
  }

  list(struct: Struct): JsonObject {
    const { gvk, name } = struct
    const list = `${name}List`
    const text = (field: string): JsonObject => ({
      ...described(this.#describe('meta.v1.Status', field)),
      type: 'string',
    })
    return {
      ...described(this.#describe(list)),
      required: ['items'],
      type: 'object',
      properties: {
        apiVersion: text('apiVersion'),
        items: {
          ...described(this.#describe(list, 'items')),
          type: 'array',
          items: this.#item({ type: 'struct', struct }),
        },
        kind: text('kind'),
        metadata: this.#reference(longName('meta.v1.ListMeta'), {}),
      },
      ...(gvk === undefined ? {} : { 'x-kubernetes-group-version-kind': [{ ...gvk, kind: `${gvk.kind}List` }] }),
    }
  }

  #field(struct: Struct, field: Field): JsonObject {
    const { type, declaredDefault } = field
    // `=[]` says how Go writes an empty list; it is no default of the API.
    const fallback = isJsonList(declaredDefault) ? undefined : declaredDefault
    return {
      ...described(this.#describe(struct.name, field.name)),
      ...this.#type(type, fallback),
      ...extensions(field),
    }
  }

  #type(type: FieldType, fallback?: Json): JsonObject {
    const defaults = fallback === undefined || this.#dialect === 'v2' ? {} : { default: fallback }
    switch (type.type) {
      case 'scalar':
        return this.#scalar(type.scalar, fallback)
      case 'list':
        return { type: 'array', items: this.#item(type.items), ...defaults }
      case 'map':
        return { type: 'object', additionalProperties: this.#item(type.values), ...defaults }
      case 'struct':
        return this.#reference(longName(type.struct.name), fallback)
    }
  }

  #scalar(scalar: ScalarName, fallback: Json | undefined): JsonObject {
    const name = scalarDefinitions[scalar]
    if (name !== undefined) return this.#reference(name, fallback)
    const defaults = fallback === undefined || this.#dialect === 'v2' ? {} : { default: fallback }
    return { ...plainTypes[scalar], ...defaults }
  }

  /** Items of lists and maps have neither texts nor defaults, so they are bare references. */
  #item(type: FieldType): JsonObject {
    const { allOf, ...item } = this.#type(type)
    const [only] = isJsonList(allOf) ? allOf : []
    return isJsonObject(only) ? only : item
  }

  #reference(name: string, fallback: Json | undefined): JsonObject {
    const $ref = reference(this.#dialect, name)
    if (this.#dialect === 'v2') return { $ref }
    return fallback === undefined ? { allOf: [{ $ref }] } : { allOf: [{ $ref }], default: fallback }
  }
}

const plainTypes: Partial<Record<ScalarName, JsonObject>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  bytes: { type: 'string', format: 'byte' },
}

function extensions(field: Field): JsonObject {
  return {
    ...(field.keys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': field.keys }),
    ...(field.declaredListType === undefined ? {} : { 'x-kubernetes-list-type': field.declaredListType }),
    ...(field.declaredMapType === undefined ? {} : { 'x-kubernetes-map-type': field.declaredMapType }),
    ...(field.mergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': field.mergeKey }),
    ...(field.patchStrategy === undefined ? {} : { 'x-kubernetes-patch-strategy': field.patchStrategy }),
  }
}
