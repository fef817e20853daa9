/**
 * Managed fields of an object as its scale shows them, and back. Whoever holds the object's replicas holds `.spec.replicas` of
 * the scale; other fields are not the scale's business. Source: apimachinery `managedfields/scalehandler.go`.
 */
import type { Json, JsonObject } from '../json.ts'
import { difference, type FieldSet, fieldElement, intersection, isEmptySet, leaf } from './field-set.ts'
import { type Entry, readEntries, writeEntries } from './managed-fields.ts'

const scaleVersion = 'autoscaling/v1'
const scaleReplicas: FieldSet = { 'f:spec': { 'f:replicas': leaf } }

/** Where a kind keeps its replicas, such as `['spec', 'replicas']`; `undefined` for versions that it does not have. */
export type ReplicasPath = (apiVersion: string) => readonly string[] | undefined

/** The entries of the scale. */
export function scaleEntries(parent: Json | undefined, pathOf: ReplicasPath): readonly JsonObject[] {
  const holders = (readEntries(parent) ?? []).filter((entry) => holds(entry, pathOf(entry.apiVersion)))
  return writeEntries(
    holders.map((entry) => ({ ...entry, apiVersion: scaleVersion, fields: scaleReplicas, wire: undefined })),
  )
}

/** The object's entries after its scale has been written with these. */
export function parentEntries(
  parent: Json | undefined,
  scale: Json | undefined,
  apiVersion: string,
  pathOf: ReplicasPath,
): readonly JsonObject[] {
  const holders = new Map((readEntries(scale) ?? []).map((entry) => [identityOf(entry), entry]))
  const kept = (readEntries(parent) ?? []).flatMap((entry) => {
    const path = pathOf(entry.apiVersion)
    if (path === undefined) return []
    if (!holds(entry, path)) return [entry]
    return holders.delete(identityOf(entry)) ? [entry] : withoutReplicas(entry, path)
  })
  const path = pathOf(apiVersion) ?? ['spec', 'replicas']
  const gained = [...holders.values()]
    .filter((entry) => holds(entry, ['spec', 'replicas']))
    .map((entry): Entry => ({ ...entry, apiVersion, fields: setOf(path), time: undefined, wire: undefined }))
  return writeEntries([...kept, ...gained])
}

/**
 * Of updates the version counts, and a scale's is never the object's: such an entry gives its replicas to one of its own, without
 * a time, whenever the scale is written. So upstream does.
 */
function identityOf({ manager, operation, subresource, apiVersion }: Entry): string {
  return JSON.stringify([manager, operation, subresource, operation === 'Apply' ? '' : apiVersion])
}

function withoutReplicas(entry: Entry, path: readonly string[]): readonly Entry[] {
  const fields = difference(entry.fields, setOf(path))
  return isEmptySet(fields) ? [] : [{ ...entry, fields, wire: undefined }]
}

function holds({ fields }: Entry, path: readonly string[] | undefined): boolean {
  return path !== undefined && !isEmptySet(intersection(fields, setOf(path)))
}

function setOf(path: readonly string[]): FieldSet {
  return path.reduceRight<FieldSet>((below, name) => ({ [fieldElement(name)]: below }), leaf)
}
