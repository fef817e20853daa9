import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeObject } from '../apimachinery/schema/decode.ts'
import { compileSchema } from '../apimachinery/schema/schema.ts'
import { resourceFacts } from './facts/resources.ts'
import { definitions } from './facts/table.ts'
import type { ApiObject, Resource } from './resource.ts'
import { builtinResources } from './resources.ts'

const schemas = compileSchema(definitions)
const idOf = ({ group, version, plural }: Resource['facts']) => `${group}/${version}/${plural}`

test('builtinResources lists every resource of the facts exactly once', () => {
  expect(builtinResources.map(({ facts }) => idOf(facts)).sort()).toEqual(resourceFacts.map(idOf).sort())
})

test('builtinResources names definitions of the same kind', () => {
  for (const { facts, definition } of builtinResources) {
    const found: unknown = Object.entries(definitions).find(([name]) => name === definition)?.[1]
    const { group, version, kind } = facts
    expect(found, definition).toMatchObject({ gvk: { group, version, kind } })
  }
})

test('builtinResources knows the verbs and paths of status only where the facts have it', () => {
  for (const { facts, validateStatusUpdate, prepareForStatusUpdate } of builtinResources) {
    if (facts.subresources?.['status'] !== undefined) continue
    expect([validateStatusUpdate, prepareForStatusUpdate], facts.kind).toEqual([undefined, undefined])
  }
})

/** The least a client can send, decoded, with what the server fills in first. */
function empty({ facts, definition }: Resource): ApiObject {
  const apiVersion = facts.group === '' ? facts.version : `${facts.group}/${facts.version}`
  const system = { uid: 'u', creationTimestamp: '2026-01-02T03:04:05Z' }
  const metadata = { name: 'a', ...(facts.namespaced ? { namespace: 'default' } : {}), ...system }
  const { object, errors } = decodeObject(
    schemas,
    definition,
    { apiVersion, kind: facts.kind, metadata },
    { fieldValidation: 'Strict' },
  )
  expect(errors, definition).toEqual([])
  return object as unknown as ApiObject
}

for (const resource of builtinResources) {
  const name = `${resource.facts.kind} ${resource.facts.group}/${resource.facts.version}`
  test(`${name} survives an empty object in every function`, () => {
    const sent = empty(resource)
    const object = resource.defaults?.(sent) ?? sent
    const prepared = resource.prepareForCreate?.(object) ?? object
    resource.validate?.(prepared)
    resource.validateUpdate?.(prepared, prepared)
    resource.validateStatusUpdate?.(prepared, prepared)
    resource.warnings?.(prepared, undefined)
    resource.warnings?.(prepared, prepared)
    resource.prepareForUpdate?.(prepared, prepared)
    resource.prepareForStatusUpdate?.(prepared, prepared)
    for (const column of resource.columns ?? []) expect(column.cell(prepared, 0), column.name).not.toBeUndefined()
    for (const [field, get] of Object.entries(resource.selectableFields ?? {}))
      expect(typeof get(prepared), field).toBe('string')
    const stored = resource.storedAs?.toStored(prepared)
    if (stored !== undefined) resource.storedAs?.fromStored(stored)
  })

  test(`${name} has defaults that are stable`, () => {
    const once = resource.defaults?.(empty(resource)) ?? empty(resource)
    expect(resource.defaults?.(once) ?? once).toEqual(once)
  })

  test(`${name} lets an unchanged valid update pass unseen`, () => {
    const object = resource.defaults?.(empty(resource)) ?? empty(resource)
    const created = resource.prepareForCreate?.(object) ?? object
    const updated = resource.prepareForUpdate?.(created, created) ?? created
    expect(updated.metadata.generation).toBe(created.metadata.generation)
  })
}

// Objects with every field set, as upstream keeps them for its own round trips. Not part of this repository.
const fixtures = process.env['KUBETS_FIXTURES'] ?? ''
for (const resource of builtinResources) {
  const { group, version, kind } = resource.facts
  const file = join(fixtures, `${group === '' ? 'core' : group}.${version}.${kind}.json`)
  test.skipIf(fixtures === '' || !existsSync(file))(
    `${group}/${version} ${kind} with every field set goes through`,
    () => {
      const value: unknown = JSON.parse(readFileSync(file, 'utf8'))
      const { object, errors } = decodeObject(schemas, resource.definition, value, { fieldValidation: 'Strict' })
      expect(errors).toEqual([])
      const full = object as unknown as ApiObject
      const filled = resource.defaults?.(full) ?? full
      const old = { ...filled, metadata: { ...filled.metadata, name: 'old' } }
      resource.validate?.(filled)
      resource.validateUpdate?.(filled, old)
      resource.validateStatusUpdate?.(filled, old)
      resource.prepareForCreate?.(filled)
      resource.prepareForUpdate?.(filled, old)
      resource.prepareForStatusUpdate?.(filled, old)
      resource.warnings?.(filled, undefined)
      for (const column of resource.columns ?? []) expect(column.cell(filled, 0), column.name).not.toBeUndefined()
      if (resource.storedAs !== undefined) {
        const back = resource.storedAs.fromStored(resource.storedAs.toStored(filled))
        expect(back.kind).toBe(kind)
      }
    },
  )
}
