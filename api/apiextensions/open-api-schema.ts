/**
 * What upstream holds the schemas of a definition to besides that they are structural: keywords that are not supported, lists and
 * maps of the right types, rules. Source: `ValidateCustomResourceDefinitionOpenAPISchema`.
 */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { schemaAt } from '../../apimachinery/schema/structural.ts'
import { type Causes, when } from '../meta/causes.ts'
import { goItems } from './go-shape.ts'
import { childScope, type RuleScope, validateRules, validateRuleTexts } from './rules.ts'

/** Rules that came later, and do not hold for definitions that break them already. */
export type SchemaOptions = {
  readonly validTypes: boolean
  readonly atomicSets: boolean
  readonly listKeys: boolean
}

/** Causes about rules are told after all others, and only where the schema below is good. */
export type SchemaCauses = { readonly schema: Causes; readonly rules: Causes }

const openApiTypes = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const metaFields: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion'])

/** Where in a schema a level is, as far as rules of levels depend on it. */
type Place = {
  readonly isRoot: boolean
  /** Why defaults are not allowed here. */
  readonly noDefaults?: string
  readonly inMetadata: boolean
  /** The first level above whose values cannot be told apart in old and new objects. */
  readonly uncorrelated?: string
}

/** Checks a root schema. Without a scope rules are not compiled. */
export function validateOpenApiSchema(
  root: JsonObject,
  field: string,
  options: SchemaOptions,
  scope: RuleScope | undefined,
): Causes {
  const found = validateLevel(root, field, { isRoot: true, inMetadata: false }, options, scope)
  return [...found.schema, ...found.rules]
}

function validateLevel(
  schema: JsonObject,
  field: string,
  place: Place,
  options: SchemaOptions,
  scope: RuleScope | undefined,
): SchemaCauses {
  const inner = inside(schema, field, place, scope).map((one) =>
    validateLevel(one.schema, one.field, one.place, options, one.scope),
  )
  const own = [
    ...validateKeywords(schema, field, place, options),
    ...inner.flatMap((one) => one.schema),
    ...validateKinds(schema, field, options),
    ...validateListMap(schema, field),
    ...(options.listKeys ? validateListItems(schema, field) : []),
    ...validateRuleTexts(schema, field),
  ]
  const rules =
    own.length > 0 || scope === undefined
      ? []
      : validateRules(schema, field, scope, { uncorrelated: place.uncorrelated })
  return { schema: own, rules: [...inner.flatMap((one) => one.rules), ...rules] }
}

type Inside = {
  readonly schema: JsonObject
  readonly field: string
  readonly place: Place
  readonly scope: RuleScope | undefined
}

/** All schemas directly below, in upstream's order; only those of values have rules. */
function inside(schema: JsonObject, field: string, place: Place, scope: RuleScope | undefined): readonly Inside[] {
  const here = { ...place, isRoot: false }
  const additional = schemaAt(schema, 'additionalProperties')
  const at = (one: Json | undefined, path: string, where: Place = here, hasRules = false): readonly Inside[] =>
    isJsonObject(one)
      ? [
          {
            schema: one,
            field: `${field}.${path}`,
            place: where,
            scope: hasRules && scope !== undefined ? childScope(scope, one) : undefined,
          },
        ]
      : []
  const list = (key: string): readonly Inside[] => {
    const all = schema[key]
    return (isJsonList(all) ? all : []).flatMap((one, index) => at(one, `${key}[${index}]`))
  }
  const map = (key: string): readonly Inside[] =>
    Object.entries(schemaAt(schema, key) ?? {}).flatMap(([name, one]) => at(one, `${key}[${name}]`))
  const items = schema['items']
  const itemPlace = schema['x-kubernetes-list-type'] === 'map' ? here : uncorrelated(here, field)
  return [
    ...at(additional, 'additionalProperties', placeOfValues(here), true),
    ...Object.entries(schemaAt(schema, 'properties') ?? {}).flatMap(([name, one]) =>
      at(one, `properties[${name}]`, placeOfProperty(schema, name, field, place), true),
    ),
    ...at(schema['not'], 'not'),
    ...list('allOf'),
    ...list('oneOf'),
    ...list('anyOf'),
    ...map('definitions'),
    ...at(items, 'items', itemPlace, true),
    ...(isJsonList(items) ? items.flatMap((one, index) => at(one, `items[${index}]`, itemPlace)) : []),
    ...map('dependencies'),
  ]
}

function uncorrelated(place: Place, field: string): Place {
  return place.uncorrelated === undefined ? { ...place, uncorrelated: field } : place
}

function placeOfValues(here: Place): Place {
  return here.inMetadata ? { ...here, noDefaults: 'inside additionalProperties applying to object metadata' } : here
}

function placeOfProperty(schema: JsonObject, name: string, field: string, place: Place): Place {
  const mapType = schema['x-kubernetes-map-type']
  const isKnown = mapType === undefined || mapType === 'granular' || mapType === 'atomic'
  const here = isKnown ? { ...place, isRoot: false } : uncorrelated({ ...place, isRoot: false }, field)
  const isResource = place.isRoot || schema['x-kubernetes-embedded-resource'] === true
  if (!isResource || !metaFields.has(name)) return here
  return { ...here, inMetadata: true, ...(place.isRoot ? { noDefaults: `in top-level ${name}` } : {}) }
}

const unsupported = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const

function validateKeywords(schema: JsonObject, field: string, place: Place, { validTypes }: SchemaOptions): Causes {
  const type = schema['type'] ?? ''
  const isGiven = (value: Json | undefined): boolean =>
    value !== undefined && value !== '' && (!isJsonObject(value) || Object.keys(value).length > 0)
  return [
    ...when(validTypes && type !== '' && !openApiTypes.includes(String(type)), () =>
      notSupported(`${field}.type`, type, openApiTypes),
    ),
    ...when(schema['default'] !== undefined && place.noDefaults !== undefined, () =>
      forbiddenField(`${field}.default`, `must not be set ${place.noDefaults}`),
    ),
    ...unsupported
      .filter((key) => (key === 'additionalItems' ? schema[key] !== undefined : isGiven(schema[key])))
      .map((key) => forbiddenField(`${field}.${key}`, `${key} is not supported`)),
    ...when(type === 'null', () =>
      forbiddenField(`${field}.type`, 'type cannot be set to null, use nullable as an alternative'),
    ),
    ...when(isJsonList(schema['items']), () =>
      forbiddenField(`${field}.items`, 'items must be a schema object and not an array'),
    ),
    ...when(place.inMetadata && schema['x-kubernetes-embedded-resource'] === true, () =>
      forbiddenField(`${field}.x-kubernetes-embedded-resource`, 'must not be used inside of resource meta'),
    ),
    ...when(schema['uniqueItems'] === true, () =>
      forbiddenField(
        `${field}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    ),
    ...when(
      Object.keys(schemaAt(schema, 'properties') ?? {}).length > 0 &&
        schema['additionalProperties'] !== undefined &&
        schema['additionalProperties'] !== true,
      () => forbiddenField(`${field}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
    ),
  ]
}

function validateKinds(schema: JsonObject, field: string, { atomicSets }: SchemaOptions): Causes {
  const listType = schema['x-kubernetes-list-type']
  const mapType = schema['x-kubernetes-map-type']
  const items = schemaAt(schema, 'items')
  return [
    ...when(schema['x-kubernetes-preserve-unknown-fields'] === false, () =>
      invalidValue(`${field}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'),
    ),
    ...(mapType === undefined ? [] : validateTypeIs(schema, field, 'object', 'x-kubernetes-map-type')),
    ...when(mapType !== undefined && mapType !== 'atomic' && mapType !== 'granular', () =>
      notSupported(`${field}.x-kubernetes-map-type`, mapType, ['atomic', 'granular']),
    ),
    ...(listType === undefined ? [] : validateTypeIs(schema, field, 'array', 'x-kubernetes-list-type')),
    ...(atomicSets && listType === 'set' && schema['type'] === 'array' && items !== undefined
      ? validateSetItems(items, `${field}.items`)
      : []),
    ...when(listType !== undefined && !['atomic', 'set', 'map'].includes(String(listType)), () =>
      notSupported(`${field}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']),
    ),
  ]
}

function validateTypeIs(schema: JsonObject, field: string, wanted: string, because: string): Causes {
  const type = schema['type'] ?? ''
  const detail = `must be ${wanted} if ${because} is specified`
  if (type === wanted) return []
  return [type === '' ? required(`${field}.type`, detail) : invalidValue(`${field}.type`, type, detail)]
}

const mustBeAtomic = 'must be atomic as item of a list with x-kubernetes-list-type=set'

/** Items of sets are compared as a whole. */
function validateSetItems(items: JsonObject, field: string): Causes {
  const listType = items['x-kubernetes-list-type']
  if (items['type'] === 'array') {
    return when(listType !== undefined && listType !== 'atomic', () =>
      invalidValue(`${field}.x-kubernetes-list-type`, listType, mustBeAtomic),
    )
  }
  return when(items['type'] === 'object' && items['x-kubernetes-map-type'] !== 'atomic', () =>
    // Upstream shows the list type here.
    invalidValue(`${field}.x-kubernetes-map-type`, listType, mustBeAtomic),
  )
}

function validateListMap(schema: JsonObject, field: string): Causes {
  const listType = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys']
  const names = isJsonList(keys) ? keys.map(String) : []
  const at = `${field}.x-kubernetes-list-type`
  const wanted = 'must be map if x-kubernetes-list-map-keys is non-empty'
  return [
    ...(names.length === 0 || listType === 'map'
      ? []
      : [listType === undefined ? required(at, wanted) : invalidValue(at, listType, wanted)]),
    ...(listType === 'map' ? validateMapItems(schema, names, field) : []),
  ]
}

function validateMapItems(schema: JsonObject, names: readonly string[], field: string): Causes {
  const { items } = schema as Readonly<Record<string, Json | undefined>>
  const isMap = "if parent array's x-kubernetes-list-type is map"
  return [
    ...when(names.length === 0, () =>
      required(`${field}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'),
    ),
    ...when(items === undefined, () =>
      required(`${field}.items`, 'must have a schema if x-kubernetes-list-type is map'),
    ),
    ...(isJsonList(items)
      ? [
          invalidValue(
            `${field}.items`,
            goItems(items),
            'must only have a single schema if x-kubernetes-list-type is map',
          ),
        ]
      : []),
    ...(!isJsonObject(items)
      ? []
      : items['type'] === 'object'
        ? validateKeys(items, names, field)
        : [invalidValue(`${field}.items.type`, items['type'] ?? '', `must be object ${isMap}`)]),
  ]
}

function validateKeys(items: JsonObject, names: readonly string[], field: string): Causes {
  const isMap = "if parent array's x-kubernetes-list-type is map"
  return names.flatMap((name, index) => {
    const property = schemaAt(schemaAt(items, 'properties'), name)
    const at = `${field}.x-kubernetes-list-map-keys`
    return [
      ...(property === undefined
        ? [invalidValue(at, names, 'entries must all be names of item properties')]
        : when(property['type'] === 'array' || property['type'] === 'object', () =>
            // Upstream shows the type of the items.
            invalidValue(`${field}.items.properties[${name}].type`, items['type'], `must be a scalar type ${isMap}`),
          )),
      ...when(names.indexOf(name) !== index, () => invalidValue(at, names, 'must not contain duplicate entries')),
    ]
  })
}

/** What identifies an item is always there. Source: `validateMapListKeysMapSet`. */
export function validateListItems(schema: JsonObject, field: string): Causes {
  const listType = schema['x-kubernetes-list-type']
  const items = schemaAt(schema, 'items')
  if (items === undefined || (listType !== 'set' && listType !== 'map')) return []
  const keys = schema['x-kubernetes-list-map-keys']
  const names = listType === 'map' && isJsonList(keys) ? keys.map(String) : []
  const always = items['required']
  return [
    ...when(items['nullable'] === true, () =>
      forbiddenField(`${field}.items.nullable`, `cannot be nullable when x-kubernetes-list-type is ${listType}`),
    ),
    ...names.flatMap((name) => {
      const property = schemaAt(schemaAt(items, 'properties'), name)
      if (property === undefined) return []
      const at = `${field}.items.properties[${name}]`
      const isKey = 'this property is in x-kubernetes-list-map-keys, so it'
      const isThere = (isJsonList(always) && always.includes(name)) || property['default'] !== undefined
      return [
        ...when(!isThere, () => required(`${at}.default`, `${isKey} must have a default or be a required property`)),
        ...when(property['nullable'] === true, () => forbiddenField(`${at}.nullable`, `${isKey} cannot be nullable`)),
      ]
    }),
  ]
}

/** Whether any level of a schema has something. Source: `SchemaHas`. */
export function someLevel(schema: JsonObject, has: (level: JsonObject) => boolean): boolean {
  if (has(schema)) return true
  const { items, additionalItems, additionalProperties, not } = schema as Readonly<Record<string, Json | undefined>>
  const maps = ['properties', 'patternProperties', 'definitions', 'dependencies'].map(
    (key) => schemaAt(schema, key) ?? {},
  )
  const lists = [items, schema['allOf'], schema['anyOf'], schema['oneOf']].filter(isJsonList)
  const inner = [
    items,
    ...lists.flat(),
    not,
    ...maps.flatMap((map) => Object.values(map)),
    additionalProperties,
    additionalItems,
  ]
  return inner.some((one) => isJsonObject(one) && someLevel(one, has))
}
