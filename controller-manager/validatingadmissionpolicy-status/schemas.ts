/** Kinds and their schemas, as the server publishes them: built-in and custom ones alike. */

import type { TypedKind } from '../../api/admissionregistration/cel/type-check.ts'
import { parseGroupVersion } from '../../api/admissionregistration/param-kind.ts'
import type { NamedRuleWithOperations, ValidatingAdmissionPolicy } from '../../api/admissionregistration/v1.ts'
import { type SchemaType, schemaType } from '../../apimachinery/cel/schema-types.ts'
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { hasReason } from '../../apimachinery/status.ts'

/** Reads a document of the server; `undefined` where there is none. */
export type ReadDocument = (path: string) => Promise<JsonObject | undefined>

/** A policy about more kinds is checked against the first of them. Source: `maxTypesToCheck`. */
const maxKinds = 10

type GroupVersionResource = { readonly group: string; readonly version: string; readonly resource: string }

/** What a rule names without wildcards, sorted; subresources are left out. */
export function namedResources({
  apiGroups = [],
  apiVersions = [],
  resources = [],
}: NamedRuleWithOperations): readonly GroupVersionResource[] {
  if ([...apiGroups, ...apiVersions].some((name) => name.includes('*'))) return []
  const plain = resources.filter((name) => !/[*/]/.test(name))
  return apiGroups
    .toSorted()
    .flatMap((group) =>
      apiVersions.toSorted().flatMap((version) => plain.toSorted().map((resource) => ({ group, version, resource }))),
    )
}

/** The kinds that a policy names, sorted, with what their schemas say; unknown ones are left out. */
export async function typedKinds(
  { spec }: ValidatingAdmissionPolicy,
  read: ReadDocument,
): Promise<readonly TypedKind[]> {
  const found = new Map<string, TypedKind>()
  for (const rule of spec.matchConstraints?.resourceRules ?? []) {
    for (const named of namedResources(rule)) {
      if (found.size >= maxKinds) break
      const { group, version } = named
      for (const kind of await kindsOf(named, read)) {
        const type = await typeOf({ group, version, kind }, read)
        if (type !== undefined) found.set(`${group}/${version}/${kind}`, { group, version, kind, type })
      }
    }
  }
  return [...found.values()].toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1))
}

function orderOf({ group, version, kind }: TypedKind): string {
  return [group, version, kind].join('\u0000')
}

/** The type of a policy's parameters, where it is known. */
export async function paramsType(
  { spec: { paramKind } }: ValidatingAdmissionPolicy,
  read: ReadDocument,
): Promise<SchemaType | undefined> {
  const parsed = paramKind === undefined ? undefined : parseGroupVersion(paramKind.apiVersion ?? '')
  return parsed === undefined ? undefined : await typeOf({ ...parsed, kind: paramKind?.kind ?? '' }, read)
}

function pathOf(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}

async function kindsOf(
  { group, version, resource }: GroupVersionResource,
  read: ReadDocument,
): Promise<readonly string[]> {
  const list = await read(`/${pathOf(group, version)}`)
  return listAt(list, 'resources').flatMap((one) =>
    isJsonObject(one) && (one['name'] === resource || one['singularName'] === resource) ? [String(one['kind'])] : [],
  )
}

type GroupVersionKind = { readonly group: string; readonly version: string; readonly kind: string }

async function typeOf(gvk: GroupVersionKind, read: ReadDocument): Promise<SchemaType | undefined> {
  const document = await read(`/openapi/v3/${pathOf(gvk.group, gvk.version)}`)
  const components = document?.['components']
  const schemas = isJsonObject(components) && isJsonObject(components['schemas']) ? components['schemas'] : {}
  const root = Object.values(schemas).find((schema) => isJsonObject(schema) && names(schema, gvk))
  return isJsonObject(root) ? schemaType(resolved(schemas, root, new Set()), true) : undefined
}

function names(schema: JsonObject, { group, version, kind }: GroupVersionKind): boolean {
  return listAt(schema, 'x-kubernetes-group-version-kind').some(
    (one) => isJsonObject(one) && one['group'] === group && one['version'] === version && one['kind'] === kind,
  )
}

function listAt(object: JsonObject | undefined, field: string): readonly Json[] {
  const value = object?.[field]
  return value !== undefined && isJsonList(value) ? value : []
}

const prefix = '#/components/schemas/'

/** The schema with what it refers to in its place; what refers to itself ends in an object without fields. */
export function resolved(schemas: JsonObject, schema: JsonObject, above: ReadonlySet<string>): JsonObject {
  const reference = referenceOf(schema)
  if (reference !== undefined) {
    const target = schemas[reference]
    if (above.has(reference) || !isJsonObject(target)) return { type: 'object' }
    return resolved(schemas, target, new Set([...above, reference]))
  }
  const { properties, items, additionalProperties } = schema
  const inside = (part: Json | undefined): Json =>
    part !== undefined && isJsonObject(part) ? resolved(schemas, part, above) : (part ?? null)
  return {
    ...schema,
    // Built-in kinds say it by the format, custom ones by the extension.
    ...(schema['format'] === 'int-or-string' ? { 'x-kubernetes-int-or-string': true } : {}),
    ...(isJsonObject(properties)
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, part]) => [name, inside(part)])) }
      : {}),
    ...(items === undefined ? {} : { items: inside(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: inside(additionalProperties) }),
  }
}

/** A reference may be wrapped in `allOf` to carry a default or a description. */
function referenceOf(schema: JsonObject): string | undefined {
  const { $ref } = schema
  if (typeof $ref === 'string' && $ref.startsWith(prefix)) return $ref.slice(prefix.length)
  for (const part of listAt(schema, 'allOf')) {
    const inside = isJsonObject(part) ? referenceOf(part) : undefined
    if (inside !== undefined) return inside
  }
  return undefined
}

/** Reads every document once. */
export function cachedDocuments(read: (path: string) => Promise<JsonObject>): ReadDocument {
  const known = new Map<string, Promise<JsonObject | undefined>>()
  return async (path) => {
    const asked = known.get(path) ?? orNothing(read(path))
    known.set(path, asked)
    return await asked
  }
}

async function orNothing(document: Promise<JsonObject>): Promise<JsonObject | undefined> {
  try {
    return await document
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}
