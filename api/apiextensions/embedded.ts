/** Embedded resources have a type, and metadata like any object. Source: apiextensions-apiserver `pkg/apiserver/schema/objectmeta`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { isDns1035Label } from '../../apimachinery/names.ts'
import { schemaAt } from '../../apimachinery/schema/structural.ts'
import type { Causes } from '../meta/causes.ts'
import { validateObjectMeta } from '../meta/validation.ts'
import type { ApiObject, Resource } from '../resource.ts'

/** What is wrong with the embedded resources of a value; `isResource`: it is one itself. */
export function validateEmbedded(
  schema: JsonObject | undefined,
  value: Json,
  path: string,
  isResource = schema?.['x-kubernetes-embedded-resource'] === true,
): Causes {
  if (schema === undefined || typeof value !== 'object' || value === null) return []
  if (isJsonList(value)) {
    const items = schemaAt(schema, 'items')
    return value.flatMap((item, index) => [...validateEmbedded(items, item, `${path}[${index}]`)])
  }
  const object = value as JsonObject
  const properties = schemaAt(schema, 'properties') ?? {}
  const additional = schemaAt(schema, 'additionalProperties')
  return [
    ...(isResource ? validateResource(object, path) : []),
    ...Object.keys(object).flatMap((key) => {
      const property = schemaAt(properties, key)
      const at = property === undefined ? `${path}[${key}]` : child(path, key)
      return [...validateEmbedded(property ?? additional, object[key] ?? null, at)]
    }),
  ]
}

function child(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

function validateResource(object: JsonObject, path: string): Causes {
  const missing = ['apiVersion', 'kind'].filter((key) => object[key] === undefined)
  return [
    ...missing.map((key) => required(child(path, key))),
    ...validateApiVersion(object['apiVersion'], child(path, 'apiVersion')),
    ...validateKind(object['kind'], child(path, 'kind')),
    ...(isJsonObject(object['metadata']) ? validateMetadata(object['metadata'], child(path, 'metadata')) : []),
  ]
}

function validateApiVersion(value: Json | undefined, field: string): Causes {
  if (value === undefined) return []
  if (typeof value !== 'string') return [invalidValue(field, value, 'must be a string')]
  if (value === '') return [invalidValue(field, value, 'must not be empty')]
  const isVersion = value.split('/').length <= 2
  return isVersion ? [] : [invalidValue(field, value, `unexpected GroupVersion string: ${value}`)]
}

function validateKind(value: Json | undefined, field: string): Causes {
  if (value === undefined) return []
  if (typeof value !== 'string') return [invalidValue(field, value, 'must be a string')]
  if (value === '') return [invalidValue(field, value, 'must not be empty')]
  const messages = isDns1035Label(value.toLowerCase())
  if (messages.length === 0) return []
  return [invalidValue(field, value, `may have mixed case, but should otherwise match: ${messages.join(',')}`)]
}

/** A name need not be given. */
function validateMetadata(metadata: JsonObject, field: string): Causes {
  const { name, namespace } = metadata as Readonly<Record<string, Json | undefined>>
  const named = typeof name === 'string' && name !== '' ? metadata : { ...metadata, name: 'fakename' }
  const hasNamespace = typeof namespace === 'string' && namespace !== ''
  // The decoder has made it metadata; of the kind only the scope is asked for.
  const object = { metadata: named } as unknown as ApiObject
  const scope = {
    facts: { namespaced: hasNamespace },
    isCustom: true,
  } as unknown as Resource
  return validateObjectMeta(object, scope, field)
}
