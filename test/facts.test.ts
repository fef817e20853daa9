/**
 * Holds the project's own table against the facts of the wire, where they are at hand (`../shared/kubernetes`).
 * The project builds and runs without them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { resourceFacts } from '../api/facts/resources.ts'
import { definitions } from '../api/facts/table.ts'
import { isJsonObject, type Json, type JsonObject } from '../apimachinery/json.ts'
import { listName, renderDefinitions } from '../apimachinery/openapi/definitions.ts'
import { longName } from '../apimachinery/openapi/names.ts'
import { type Operation, resourcePaths } from '../apimachinery/openapi/paths.ts'
import { decodeProtobuf } from '../apimachinery/protobuf/decode.ts'
import { encodeProtobuf } from '../apimachinery/protobuf/encode.ts'
import { decodeObject } from '../apimachinery/schema/decode.ts'
import { compileSchema, type Struct } from '../apimachinery/schema/schema.ts'

const folder = fileURLToPath(new URL('../../shared/kubernetes/', import.meta.url))
const present = existsSync(folder)
if (!present) console.warn(`SKIPPED: the facts of the wire are not at ${folder}; the table is not checked against them`)

function read(name: string): JsonObject {
  return JSON.parse(readFileSync(`${folder}${name}`, 'utf8')) as JsonObject
}
function objects(value: Json | undefined): readonly (readonly [string, JsonObject])[] {
  return Object.entries(isJsonObject(value) ? value : {}).flatMap(([key, part]) =>
    isJsonObject(part) ? [[key, part] as const] : [],
  )
}

const schemas = compileSchema(definitions)
const byKind = new Map<string, Struct>()
for (const struct of schemas.structs.values()) {
  if (struct.gvk !== undefined)
    byKind.set(`${struct.gvk.group || 'core'}.${struct.gvk.version}.${struct.gvk.kind}`, struct)
}

/** Our OpenAPI in the shorthand of `schema.json`: references as `ref`, no prose, no defaults of items. */
function shorthand(schema: JsonObject): JsonObject {
  const { allOf, $ref, items, additionalProperties, properties, required, description: _, ...rest } = schema
  const target = Array.isArray(allOf) ? (allOf as readonly JsonObject[])[0]?.['$ref'] : $ref
  return {
    ...rest,
    ...(typeof target === 'string' ? { ref: target.slice('#/components/schemas/'.length) } : {}),
    ...(isJsonObject(items) ? { items: withoutDefault(shorthand(items)) } : {}),
    ...(isJsonObject(additionalProperties)
      ? { additionalProperties: withoutDefault(shorthand(additionalProperties)) }
      : {}),
    ...(isJsonObject(properties)
      ? { properties: Object.fromEntries(objects(properties).map(([name, property]) => [name, shorthand(property)])) }
      : {}),
    ...(Array.isArray(required) ? { required: [...(required as readonly string[])].toSorted() } : {}),
  }
}
function withoutDefault({ default: _, ...rest }: JsonObject): JsonObject {
  return rest
}
function comparable({
  required,
  'x-kubernetes-group-version-kind': gvk,
  'x-kubernetes-unions': _,
  ...rest
}: JsonObject): JsonObject {
  return {
    ...rest,
    ...(Array.isArray(required) ? { required: [...(required as readonly string[])].toSorted() } : {}),
    ...(Array.isArray(gvk) && gvk.length === 1 ? { 'x-kubernetes-group-version-kind': gvk } : {}),
  }
}

describe.skipIf(!present)('the table of the API', () => {
  test('says of every definition what schema.json says', () => {
    const upstream = new Map(objects(read('schema.json')))
    const stored = [...byKind.values()].filter(({ name }) => upstream.has(listName(name))).map(({ name }) => name)
    const ours = renderDefinitions({ schemas, dialect: 'v3', roots: [...schemas.structs.keys()], lists: stored })
    const notServed = new Set(['io.k8s.apimachinery.pkg.apis.meta.v1.Patch'])
    expect(Object.keys(ours).toSorted()).toEqual(
      expect.arrayContaining(
        [...upstream.keys()].filter((name) => !notServed.has(name) && !name.includes('JSONSchemaPropsOr')).toSorted(),
      ),
    )
    for (const [name, schema] of upstream) {
      const mine = ours[name]
      if (isJsonObject(mine)) expect(comparable(shorthand(mine)), name).toEqual(comparable(schema))
    }
  })

  test('numbers fields as protobuf.json does', () => {
    const messages = new Map(objects(read('protobuf.json')))
    let checked = 0
    for (const struct of schemas.structs.values()) {
      const message = messages.get(protobufName(struct.name))
      if (message === undefined) continue
      for (const { name, numbers } of struct.ordered) {
        if (numbers.length !== 1) continue
        const field = objects({ fields: message['fields'] })[0]?.[1] ?? {}
        const found = Object.entries(field).find(([, spec]) => Array.isArray(spec) && spec[0] === numbers[0])
        expect(plain(found?.[0] ?? ''), `${struct.name}.${name} = ${numbers[0]}`).toBe(plain(renamed[name] ?? name))
        checked++
      }
    }
    expect(checked).toBeGreaterThan(1500)
  })

  test('decodes every fixture to itself', () => {
    const files = readdirSync(`${folder}fixtures`).filter(
      (file) => file.endsWith('.json') && byKind.has(file.slice(0, -5)),
    )
    expect(files.length).toBeGreaterThanOrEqual(70)
    for (const file of files) {
      const fixture = read(`fixtures/${file}`)
      const decoded = decodeObject(schemas, byKind.get(file.slice(0, -5))?.name ?? '', fixture, {
        fieldValidation: 'Strict',
      })
      expect(decoded, file).toEqual({ object: fixture, warnings: [], errors: [] })
      // The order of fields is upstream's, too.
      expect(JSON.stringify(decoded.object), file).toBe(JSON.stringify(fixture))
    }
  })
})

describe.skipIf(!present)('the protobuf form', () => {
  const kinds = present
    ? readdirSync(`${folder}fixtures`).filter((file) => file.endsWith('.json') && byKind.has(file.slice(0, -5)))
    : []
  test.each(kinds)('of %s is that of the fixture, byte for byte', (file) => {
    const struct = byKind.get(file.slice(0, -5))
    if (struct === undefined) throw new Error(file)
    const fixture = read(`fixtures/${file}`)
    const wire = readFileSync(`${folder}fixtures/${file.slice(0, -5)}.pb`)
    expect(
      decodeObject(schemas, struct.name, decodeProtobuf(schemas, struct, wire), { fieldValidation: 'Strict' }).object,
    ).toEqual(fixture)
    expect(encodeProtobuf(schemas, struct, fixture).toString('hex')).toBe(wire.toString('hex'))
  })
})

describe.skipIf(!present)('the resources of the API', () => {
  test('have upstream’s paths and operation ids', () => {
    const ours = new Map<string, Operation>(
      resourceFacts
        .flatMap(resourcePaths)
        .flatMap((item) => item.operations.map((made) => [`${made.method} ${item.path}`, made] as const)),
    )
    for (const [path, methods] of objects(read('operations.json'))) {
      for (const [method, operation] of objects(methods)) {
        const action = String(operation['x-kubernetes-action'] ?? '')
        if (['connect', 'watch', 'watchlist', ''].includes(action)) continue
        const made = ours.get(`${method} ${path}`)
        expect(
          made && {
            operationId: made.operationId,
            'x-kubernetes-action': made.action,
            'x-kubernetes-group-version-kind': made.gvk,
          },
          `${method} ${path}`,
        ).toEqual(operation)
      }
    }
  })

  test('are those of discovery.json, short names, verbs and subresources included', () => {
    const discovered = discoveredResources(read('discovery.json'))
    const ours = resourceFacts.map(({ storagePrefix: _, subresources, verbs, ...facts }) => ({
      ...facts,
      verbs: [
        ...(verbs ?? ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']),
      ].toSorted(),
      subresources: Object.fromEntries(
        Object.entries(subresources ?? {}).map(([name, { kind, verbs: served }]) => [
          name,
          { kind, verbs: [...served].toSorted() },
        ]),
      ),
    }))
    for (const facts of ours) {
      const key = `${facts.group}/${facts.version}/${facts.plural}`
      expect(discovered.get(key), key).toEqual(facts)
    }
    expect(ours).toHaveLength(discovered.size)
  })

  test('are stored where etcd-keys.json says', () => {
    const keys = objects({ all: read('etcd-keys.json') })[0]?.[1] ?? {}
    let checked = 0
    for (const [resource, key] of Object.entries(keys)) {
      const facts = resourceFacts.find(({ group, version, plural }) => resource === `${group}/${version}/${plural}`)
      if (facts?.storagePrefix === undefined || typeof key !== 'string') continue
      expect(key.startsWith(`${facts.storagePrefix}/`), `${resource}: ${key}`).toBe(true)
      checked++
    }
    expect(checked).toBeGreaterThan(50)
  })
})

/** Fields whose protobuf name is not their JSON name. */
const renamed: Readonly<Record<string, string>> = {}

function plain(name: string): string {
  return name.toLowerCase().replaceAll('_', '').replaceAll('-', '')
}

function protobufName(definition: string): string {
  return longName(definition).replace(/^io\.k8s\./, 'k8s.io.')
}

type Discovered = { readonly [field: string]: Json }

function discoveredResources(discovery: JsonObject): ReadonlyMap<string, Discovered> {
  const found = new Map<string, Discovered>()
  const list = (value: Json | undefined): readonly JsonObject[] =>
    Array.isArray(value) ? value.filter((item) => isJsonObject(item)) : []
  const groups = [
    ...list((discovery['apis'] as JsonObject)['items']).flatMap((group) =>
      list(group['versions']).map((version) => ({
        group: nameOf(group['metadata']),
        version: String(version['version']),
        resources: list(version['resources']),
      })),
    ),
  ]
  for (const { group, version, resources } of groups) {
    for (const resource of resources) {
      const plural = String(resource['resource'])
      found.set(`${group}/${version}/${plural}`, {
        group,
        version,
        kind: String((resource['responseKind'] as JsonObject)['kind']),
        plural,
        singular: String(resource['singularResource']),
        namespaced: resource['scope'] === 'Namespaced',
        ...(resource['shortNames'] === undefined ? {} : { shortNames: resource['shortNames'] }),
        ...(resource['categories'] === undefined ? {} : { categories: resource['categories'] }),
        verbs: sortedVerbs(resource['verbs']),
        subresources: Object.fromEntries(
          list(resource['subresources']).map((sub) => [
            String(sub['subresource']),
            { kind: String((sub['responseKind'] as JsonObject)['kind']), verbs: sortedVerbs(sub['verbs']) },
          ]),
        ),
      })
    }
  }
  for (const resource of list((discovery['core'] as JsonObject)['resources'])) addLegacy(found, resource)
  return found
}

function addLegacy(found: Map<string, Discovered>, resource: JsonObject): void {
  const [plural = '', subresource] = String(resource['name']).split('/')
  const key = `/v1/${plural}`
  if (subresource !== undefined) {
    const parent = found.get(key)
    const subresources = {
      ...(parent?.['subresources'] as JsonObject),
      [subresource]: { kind: String(resource['kind']), verbs: sortedVerbs(resource['verbs']) },
    }
    if (parent !== undefined) found.set(key, { ...parent, subresources })
    return
  }
  found.set(key, {
    group: '',
    version: 'v1',
    kind: String(resource['kind']),
    plural,
    singular: String(resource['singularName']),
    namespaced: resource['namespaced'] === true,
    ...(resource['shortNames'] === undefined ? {} : { shortNames: resource['shortNames'] }),
    ...(resource['categories'] === undefined ? {} : { categories: resource['categories'] }),
    verbs: sortedVerbs(resource['verbs']),
    subresources: {},
  })
}

function nameOf(metadata: Json | undefined): string {
  return isJsonObject(metadata) ? String(metadata['name']) : ''
}

function sortedVerbs(verbs: Json | undefined): readonly string[] {
  return Array.isArray(verbs) ? (verbs as readonly string[]).toSorted() : []
}
