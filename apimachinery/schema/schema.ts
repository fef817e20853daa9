/**
 * The table of `api/facts/` compiled into linked structures, so that decoding, patching, server-side apply, OpenAPI and the
 * protobuf codec follow pointers instead of reading text. A CustomResourceDefinition is compiled into the same structures.
 */
import type { Json, JsonObject } from '../json.ts'
import type { Definition, Scalars } from './facts.ts'

export type ScalarName = keyof Scalars
export type FieldType =
  | { readonly type: 'scalar'; readonly scalar: ScalarName }
  | { readonly type: 'list'; readonly items: FieldType }
  | { readonly type: 'map'; readonly values: FieldType }
  | { readonly type: 'struct'; readonly struct: Struct }

/** How server-side apply merges a list: as one value, as a set of scalars, or by keys. */
export type ListType = 'atomic' | 'set' | 'map'

export type Field = {
  readonly name: string
  /** The field as an element of a field set: `f:name`. */
  readonly element: string
  /** `2.19` is field 19 of the message embedded as field 2; empty: not on the protobuf wire. */
  readonly numbers: readonly number[]
  readonly required: boolean
  readonly type: FieldType
  readonly listType: ListType
  /** Keys of a `list=map`. */
  readonly keys: readonly string[]
  /** `map=atomic`, or a struct that is merged as one value. */
  readonly atomic: boolean
  /** Strategic merge patch: lists are merged, not replaced. */
  readonly patchMerge: boolean
  /** Strategic merge patch: `$retainKeys` is understood. */
  readonly patchRetainKeys: boolean
  readonly mergeKey: string | undefined
  /** The flags as they stand in the table, for OpenAPI. */
  readonly declaredListType: string | undefined
  readonly declaredMapType: string | undefined
  readonly patchStrategy: string | undefined
  /** A zero value that was given is kept. */
  readonly pointer: boolean
  /** Written when nothing was given; nested defaults are filled in. */
  readonly default: Json | undefined
  /** What stands in `api/facts/` after the default sign; OpenAPI shows it. */
  readonly declaredDefault: Json | undefined
}

export type Struct = {
  readonly name: string
  readonly gvk: Definition['gvk']
  readonly atomic: boolean
  readonly fields: ReadonlyMap<string, Field>
  /** In the order of the table. */
  readonly ordered: readonly Field[]
  /** Fields outside `fields` are kept as they are (custom resources). */
  readonly preserveUnknown: boolean
  /** What becomes of the values of unknown fields of a custom resource's map (`additionalProperties`). */
  readonly additional?: FieldType
  /** The root of a custom kind: its schema decides what is kept and filled in. */
  readonly custom?: CustomBehaviour
}

/** What a structural schema does to objects. Objects that need no change are returned as they are. */
export type CustomBehaviour = {
  /** The schema as its author wrote it. */
  readonly schema: JsonObject
  /** What published documents say besides. */
  readonly published: PublishedKind
  readonly prune: (
    object: JsonObject,
    onUnknown?: (path: string) => void,
    /** Told of type and metadata of embedded resources that are none; without it they are dropped. */
    onWrong?: (problem: string) => void,
  ) => JsonObject
  readonly fillDefaults: (object: JsonObject) => JsonObject
}

/** What the documents of a custom kind say besides its schema. */
export type PublishedKind = {
  readonly plural: string
  readonly listKind: string
  /** Paths such as `spec.host`. */
  readonly selectableFields: readonly string[]
}

/** All compiled definitions by their short names, such as `core.v1.Pod`. */
export type Schemas = { readonly structs: ReadonlyMap<string, Struct> }

type MutableStruct = { -readonly [Key in keyof Struct]: Struct[Key] }
type MutableField = { -readonly [Key in keyof Field]: Field[Key] }

const scalarNames: ReadonlySet<string> = new Set<ScalarName>([
  'string',
  'bool',
  'int32',
  'int64',
  'double',
  'bytes',
  'quantity',
  'intOrString',
  'time',
  'microTime',
  'json',
  'rawExtension',
  'fieldsV1',
  'schemaOrArray',
  'schemaOrBool',
  'schemaOrStrings',
])

/** Compiles the table once, at start. Throws when the table refers to what it does not define. */
export function compileSchema(definitions: Readonly<Record<string, Definition>>): Schemas {
  const structs = new Map<string, MutableStruct>()
  for (const [name, definition] of Object.entries(definitions)) structs.set(name, emptyStruct(name, definition))
  for (const [name, definition] of Object.entries(definitions)) {
    const fields = Object.entries(definition.fields).map(([field, spec]) => parseField(structs, field, spec))
    const struct = structs.get(name)
    if (struct === undefined) continue
    struct.ordered = fields
    struct.fields = new Map(fields.map((field) => [field.name, field]))
  }
  for (const struct of structs.values()) for (const field of struct.ordered) fillDefault(field)
  return { structs }
}

/** The compiled definition; asking for one that is not there is a bug of the caller. */
export function structOf(schemas: Schemas, definition: string): Struct {
  const struct = schemas.structs.get(definition)
  if (struct === undefined) throw new TypeError(`No definition ${definition}`)
  return struct
}

function emptyStruct(name: string, definition: Definition): MutableStruct {
  return {
    name,
    gvk: definition.gvk,
    atomic: definition.atomic === true,
    fields: new Map(),
    ordered: [],
    preserveUnknown: false,
  }
}

function parseField(structs: ReadonlyMap<string, Struct>, name: string, spec: string): Field {
  const at = spec.indexOf(' =')
  const [number = '', typeText = '', ...flags] = (at < 0 ? spec : spec.slice(0, at)).split(' ')
  const flag = new Map(flags.map((text) => [text.split('=')[0] ?? '', text.split('=')[1] ?? '']))
  const patch = (flag.get('patch') ?? '').split(',')
  const type = parseType(structs, typeText)
  const declared = at < 0 ? undefined : (JSON.parse(spec.slice(at + 2)) as Json)
  return {
    name,
    element: `f:${name}`,
    numbers: number.startsWith('0') ? [] : number.replace('!', '').split('.').map(Number),
    required: number.endsWith('!'),
    type,
    listType: listType(flag.get('list')),
    keys: flag.get('keys')?.split(',') ?? [],
    atomic:
      flag.get('map') === 'atomic' || (type.type === 'struct' && type.struct.atomic && flag.get('map') !== 'granular'),
    patchMerge: patch.includes('merge'),
    patchRetainKeys: patch.includes('retainKeys'),
    mergeKey: flag.get('mergeKey'),
    declaredListType: flag.get('list'),
    declaredMapType: flag.get('map'),
    patchStrategy: flag.get('patch'),
    pointer: flag.has('ptr'),
    default: flag.has('null') ? null : declared,
    declaredDefault: declared,
  }
}

/** A list without a list type is atomic, as in upstream's typed schema. */
function listType(text: string | undefined): ListType {
  return text === 'map' || text === 'set' ? text : 'atomic'
}

function parseType(structs: ReadonlyMap<string, Struct>, text: string): FieldType {
  if (text.startsWith('[]')) return { type: 'list', items: parseType(structs, text.slice(2)) }
  if (text.startsWith('map<')) return { type: 'map', values: parseType(structs, text.slice(4, -1)) }
  if (scalarNames.has(text)) return { type: 'scalar', scalar: text as ScalarName }
  const struct = structs.get(text)
  if (struct === undefined) throw new TypeError(`The table refers to ${text}, which it does not define`)
  return { type: 'struct', struct }
}

/** `={}` of a struct becomes the struct with its own defaults. */
function fillDefault(field: MutableField): void {
  if (field.default === undefined || field.type.type !== 'struct') return
  field.default = structDefault(field.type.struct)
}

/** What an empty struct looks like once defaults are filled in. Shared, because objects are never changed. */
export function structDefault(struct: Struct): JsonObject {
  const filled: Record<string, Json> = {}
  for (const field of struct.ordered) {
    if (field.declaredDefault === undefined && field.default === undefined) continue
    filled[field.name] = field.type.type === 'struct' ? structDefault(field.type.struct) : (field.default ?? null)
  }
  return filled
}
