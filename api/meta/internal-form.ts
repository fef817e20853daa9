/**
 * Objects as upstream's validation shows them. It works on internal types, which have no JSON names: Go's own appear, in the
 * order of the type, and what is not given is shown as Go's zero value. Types of `meta` are shown as they are on the wire.
 */
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { internalNames } from '../facts/internal-names.ts'
import { type DefinitionName, definitions } from '../facts/table.ts'

/** One field of an internal type and where it is found in ours. */
type InternalField = {
  readonly go: string
  readonly field: string
  /** Where v1 has it: beside its siblings, in the struct around them, or (an embedded type's fields) all in one field. */
  readonly place: 'here' | 'around' | 'embedded'
}
type Specs = Readonly<Record<string, string>>

const specsOf = new Map<string, Specs>(Object.entries(definitions).map(([name, { fields }]) => [name, fields]))
let table: ReadonlyMap<string, readonly InternalField[]> | undefined

/** `value`, an object of `definition`, in upstream's internal form; `internal` names the internal type where it is another one. */
export function internalForm(
  definition: DefinitionName,
  value: object | undefined,
  internal: string = definition,
): Json {
  // API objects are JSON.
  return value === undefined ? null : structForm(definition, value as JsonObject, {}, internal)
}

/** A list of such objects. */
export function internalForms(definition: DefinitionName, values: readonly object[] | null | undefined): Json {
  return values?.map((value) => internalForm(definition, value)) ?? null
}

function structForm(definition: string, value: JsonObject, around: JsonObject, internal = definition): JsonObject {
  const fields = internalFields().get(internal)
  if (fields === undefined) return wireForm(definition, value)
  return Object.fromEntries(fields.flatMap((field) => fieldForm(definition, field, value, around)))
}

function fieldForm(
  definition: string,
  { go, field, place }: InternalField,
  value: JsonObject,
  around: JsonObject,
): readonly (readonly [string, Json])[] {
  if (place === 'embedded') return entriesOf(wireForm('meta.v1.ObjectMeta', objectOf(value['metadata'])))
  const source = place === 'around' ? around : value
  const spec = specOf(place === 'around' ? 'core.v1.PodSpec' : definition, field)
  const given = isDefault(source[field], spec) ? undefined : source[field]
  return [[go, given === undefined ? zeroOf(spec) : form(typeOf(spec), given, value)]]
}

function form(type: string, value: Json, around: JsonObject): Json {
  if (Array.isArray(value)) return value.map((item: Json) => form(type.slice('[]'.length), item, around))
  if (!isJsonObject(value)) return value
  if (!type.startsWith('map<')) return structForm(type, value, around)
  const values = type.slice('map<'.length, -1)
  const entries = [...entriesOf(value)].sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, one]) => [key, form(values, one, around)]))
}

/** As on the wire, in the order of the table. */
function wireForm(definition: string, value: JsonObject): JsonObject {
  const specs = specsOf.get(definition)
  if (specs === undefined) return value
  return Object.fromEntries(
    Object.entries(specs).flatMap(([field, spec]) => {
      const given = value[field] ?? null
      return given === null ? [] : [[field, form(typeOf(spec), given, value)]]
    }),
  )
}

function entriesOf(object: JsonObject): readonly (readonly [string, Json])[] {
  return Object.entries(object).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]]))
}

/** A list that Kubernetes always writes is empty where nothing was given. */
function isDefault(value: Json | undefined, spec: string): boolean {
  return Array.isArray(value) && value.length === 0 && spec.endsWith(' =[]')
}

function zeroOf(spec: string): Json {
  const type = typeOf(spec)
  if (specsOf.has(type)) return spec.endsWith(' ={}') ? structForm(type, {}, {}) : null
  if (spec.includes(' ptr')) return null
  return zeros[type] ?? null
}
const zeros: Readonly<Record<string, Json>> = { string: '', bool: false, int32: 0, int64: 0, quantity: '0' }

function typeOf(spec: string): string {
  return spec.split(' ')[1] ?? ''
}

function specOf(definition: string, field: string): string {
  return specsOf.get(definition)?.[field] ?? ''
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {}
}

/** The table, read when it is first needed: most servers refuse few updates. */
function internalFields(): ReadonlyMap<string, readonly InternalField[]> {
  table ??= new Map(
    internalNames
      .trim()
      .split(/\n(?! )/)
      .map((line) => {
        const [definition = '', names = ''] = line.split(': ')
        return [definition, names.split(/\s+/).map((name) => internalField(definition, name))]
      }),
  )
  return table
}

function internalField(definition: string, name: string): InternalField {
  if (name.startsWith('...')) return { go: '', field: '', place: 'embedded' }
  const place = name.startsWith('^') ? 'around' : 'here'
  const [go = '', named] = name.replace('^', '').split('=')
  const home = place === 'around' ? 'core.v1.PodSpec' : homeOf(definition)
  const field = Object.keys(specsOf.get(home) ?? {}).find((one) => one.toLowerCase() === go.toLowerCase())
  return { go, field: named ?? field ?? '', place }
}

/** Upstream has volume sources as a type of their own. */
function homeOf(definition: string): string {
  return definition === 'core.v1.PersistentVolumeSource' ? 'core.v1.PersistentVolumeSpec' : definition
}
