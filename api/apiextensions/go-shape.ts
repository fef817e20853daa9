/**
 * Parts of a definition as upstream's validation shows them in a message: its internal types have no JSON names, so that Go's own
 * names appear, in Go's order, with what is not given as `null`, empty or zero.
 * Source: apiextensions-apiserver `pkg/apis/apiextensions/types.go`, `types_jsonschema.go`.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'

type Show = (value: Json) => Json
/** Go's name, our field, the zero value, and how the value is shown where that is not as it is. */
type Row = readonly [go: string, field: string, zero: Json, show?: Show]

function shape(value: Json, rows: readonly Row[]): Json {
  const given = isJsonObject(value) ? value : {}
  return Object.fromEntries(
    rows.map(([go, field, zero, show]) => {
      const one = given[field]
      return [go, one === undefined ? zero : (show?.(one) ?? one)]
    }),
  )
}

function listOf(show: Show): Show {
  return (list) => (isJsonList(list) ? list.map(show) : list)
}

/** Go sorts the keys of maps. */
function mapOf(show: Show): Show {
  return (map) => {
    if (!isJsonObject(map)) return map
    const keys = Object.keys(map).sort()
    return Object.fromEntries(keys.map((key) => [key, show(map[key] ?? null)]))
  }
}

const ruleRows: readonly Row[] = [
  ['Rule', 'rule', ''],
  ['Message', 'message', ''],
  ['MessageExpression', 'messageExpression', ''],
  ['Reason', 'reason', null],
  ['FieldPath', 'fieldPath', ''],
  ['OptionalOldSelf', 'optionalOldSelf', null],
]

/** A validation rule. */
export function goRule(rule: Json): Json {
  return shape(rule, ruleRows)
}

const orBool: Show = (value) =>
  isJsonObject(value) ? { Allows: true, Schema: goSchema(value) } : { Allows: value === true, Schema: null }

/** A schema, or a list of them, in the place of `items`. */
export const goItems: Show = (value) =>
  isJsonList(value)
    ? { Schema: null, JSONSchemas: value.map(goSchema) }
    : { Schema: goSchema(value), JSONSchemas: null }

const orStrings: Show = (value) =>
  isJsonList(value) ? { Schema: null, Property: value } : { Schema: goSchema(value), Property: null }

const sorted: Show = (value) =>
  isJsonObject(value) ? mapOf(sorted)(value) : isJsonList(value) ? value.map(sorted) : value

const schemaRows: readonly Row[] = [
  ['ID', 'id', ''],
  ['Schema', '$schema', ''],
  ['Ref', '$ref', null],
  ['Description', 'description', ''],
  ['Type', 'type', ''],
  ['Nullable', 'nullable', false],
  ['Format', 'format', ''],
  ['Title', 'title', ''],
  ['Default', 'default', null, sorted],
  ['Maximum', 'maximum', null],
  ['ExclusiveMaximum', 'exclusiveMaximum', false],
  ['Minimum', 'minimum', null],
  ['ExclusiveMinimum', 'exclusiveMinimum', false],
  ['MaxLength', 'maxLength', null],
  ['MinLength', 'minLength', null],
  ['Pattern', 'pattern', ''],
  ['MaxItems', 'maxItems', null],
  ['MinItems', 'minItems', null],
  ['UniqueItems', 'uniqueItems', false],
  ['MultipleOf', 'multipleOf', null],
  ['Enum', 'enum', null, sorted],
  ['MaxProperties', 'maxProperties', null],
  ['MinProperties', 'minProperties', null],
  ['Required', 'required', null],
  ['Items', 'items', null, goItems],
  ['AllOf', 'allOf', null, listOf(goSchema)],
  ['OneOf', 'oneOf', null, listOf(goSchema)],
  ['AnyOf', 'anyOf', null, listOf(goSchema)],
  ['Not', 'not', null, goSchema],
  ['Properties', 'properties', null, mapOf(goSchema)],
  ['AdditionalProperties', 'additionalProperties', null, orBool],
  ['PatternProperties', 'patternProperties', null, mapOf(goSchema)],
  ['Dependencies', 'dependencies', null, mapOf(orStrings)],
  ['AdditionalItems', 'additionalItems', null, orBool],
  ['Definitions', 'definitions', null, mapOf(goSchema)],
  [
    'ExternalDocs',
    'externalDocs',
    null,
    (docs) =>
      shape(docs, [
        ['Description', 'description', ''],
        ['URL', 'url', ''],
      ]),
  ],
  ['Example', 'example', null, sorted],
  ['XPreserveUnknownFields', 'x-kubernetes-preserve-unknown-fields', null],
  ['XEmbeddedResource', 'x-kubernetes-embedded-resource', false],
  ['XIntOrString', 'x-kubernetes-int-or-string', false],
  ['XListMapKeys', 'x-kubernetes-list-map-keys', null],
  ['XListType', 'x-kubernetes-list-type', null],
  ['XMapType', 'x-kubernetes-map-type', null],
  ['XValidations', 'x-kubernetes-validations', null, listOf(goRule)],
]

/** A schema. */
export function goSchema(schema: Json): Json {
  return shape(schema, schemaRows)
}

/** Names in Go's order of the fields that a schema sets. */
export function goFieldsOf(schema: JsonObject): readonly string[] {
  return schemaRows.filter(([, field]) => schema[field] !== undefined).map(([go]) => go)
}

const columnRows: readonly Row[] = [
  ['Name', 'name', ''],
  ['Type', 'type', ''],
  ['Format', 'format', ''],
  ['Description', 'description', ''],
  ['Priority', 'priority', 0],
  ['JSONPath', 'jsonPath', ''],
]

const scaleRows: readonly Row[] = [
  ['SpecReplicasPath', 'specReplicasPath', ''],
  ['StatusReplicasPath', 'statusReplicasPath', ''],
  ['LabelSelectorPath', 'labelSelectorPath', null],
]

const versionRows: readonly Row[] = [
  ['Name', 'name', ''],
  ['Served', 'served', false],
  ['Storage', 'storage', false],
  ['Deprecated', 'deprecated', false],
  ['DeprecationWarning', 'deprecationWarning', null],
  ['Schema', 'schema', null, (schema) => shape(schema, [['OpenAPIV3Schema', 'openAPIV3Schema', null, goSchema]])],
  [
    'Subresources',
    'subresources',
    null,
    (subresources) =>
      shape(subresources, [
        ['Status', 'status', null],
        ['Scale', 'scale', null, (scale) => shape(scale, scaleRows)],
      ]),
  ],
  ['AdditionalPrinterColumns', 'additionalPrinterColumns', null, listOf((column) => shape(column, columnRows))],
  ['SelectableFields', 'selectableFields', null, listOf((field) => shape(field, [['JSONPath', 'jsonPath', '']]))],
]

/** A version of a definition. */
export function goVersion(version: Json): Json {
  return shape(version, versionRows)
}
