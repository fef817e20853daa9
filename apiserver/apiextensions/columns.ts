/** The columns of a custom kind. Pure. Source: apiextensions-apiserver `pkg/registry/customresource/tableconvertor`. */
import type { CustomResourceColumnDefinition } from '../../api/apiextensions/v1.ts'
import { ageColumn, ago, nameColumn } from '../../api/meta/columns.ts'
import type { ApiObject, Column } from '../../api/resource.ts'
import { isJsonList, isJsonObject, type Json } from '../../apimachinery/json.ts'
import { findFirst, parseJsonPath } from '../../apimachinery/json-path.ts'
import { parseTime } from '../../apimachinery/time.ts'

/** Name, and what the definition wants besides; without own columns the age. */
export function columnsOf(
  definitions: readonly CustomResourceColumnDefinition[] | undefined,
): readonly Column<ApiObject>[] {
  if (definitions === undefined || definitions.length === 0) {
    const description = 'Custom resource definition column (in JSONPath format): .metadata.creationTimestamp'
    return [nameColumn, { ...ageColumn, type: 'date', description: ageColumn.description ?? description }]
  }
  return [nameColumn, ...definitions.map(columnOf)]
}

function columnOf(definition: CustomResourceColumnDefinition): Column<ApiObject> {
  const { name, type, format, description, priority, jsonPath } = definition
  const path = parseJsonPath(jsonPath)
  return {
    name,
    type: isType(type) ? type : 'string',
    ...(format === undefined ? {} : { format }),
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(priority === undefined ? {} : { priority }),
    cell: (object, nowMs) => {
      const value = path === undefined ? undefined : findFirst(path, object as unknown as Json)
      return value === undefined ? null : cellOf(type, value, nowMs)
    },
  }
}

const types = ['string', 'integer', 'date', 'number', 'boolean'] as const

function isType(text: string): text is (typeof types)[number] {
  return types.some((type) => type === text)
}

/** A value of another type than the column's shows nothing. Source: `cellForJSONValue`. */
function cellOf(type: string, value: Json, nowMs: number): Json {
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      return typeof value === 'string' ? dateOf(value, nowMs) : null
    default:
      return textOf(value)
  }
}

function textOf(value: Json): string {
  if (value === null) return '<no value>'
  return typeof value === 'object' ? JSON.stringify(sorted(value)) : String(value)
}

/** Go sorts maps. */
function sorted(value: Json): Json {
  if (isJsonList(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  const keys = Object.keys(value).sort()
  return Object.fromEntries(keys.map((key) => [key, sorted(value[key] ?? null)]))
}

function dateOf(text: string, nowMs: number): string {
  return Number.isNaN(parseTime(text)) ? '<invalid>' : ago(text, nowMs)
}
