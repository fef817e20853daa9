/**
 * The annotation that client-side apply leaves behind. `kubectl apply --server-side` (manager `kubectl`) may take over what it
 * names, and keeps it up to date, so that users may switch back and forth.
 * Source: apimachinery `managedfields/internal/lastapplied*.go`.
 */
import { isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import type { Struct } from '../schema/schema.ts'
import { objectFields } from './compare.ts'
import { memberPaths } from './field-set.ts'

const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
/** All annotations together may not be larger. */
const maxAnnotationBytes = 256 * 1024

/** The fields that client-side apply has set: kubectl's own, whoever is recorded as their manager. */
export function lastAppliedPaths(
  struct: Struct,
  live: JsonObject | undefined,
  ignored: readonly string[],
): ReadonlySet<string> {
  const text = annotationsOf(live)[annotation]
  if (typeof text !== 'string') return new Set()
  try {
    const config = JSON.parse(text) as Json
    return new Set(memberPaths(isJsonObject(config) ? objectFields(struct, config, ignored) : {}))
  } catch {
    return new Set()
  }
}

/** The object with the annotation brought up to date, where it has one. */
export function withLastApplied(object: JsonObject, config: JsonObject): JsonObject {
  const annotations = annotationsOf(object)
  const old = annotations[annotation]
  const text = `${JSON.stringify(sorted(config))}\n`
  if (old === undefined || old === text || Buffer.byteLength(text) > maxAnnotationBytes) return object
  const metadata = isJsonObject(object['metadata']) ? object['metadata'] : {}
  return { ...object, metadata: { ...metadata, annotations: { ...annotations, [annotation]: text } } }
}

function annotationsOf(object: JsonObject | undefined): JsonObject {
  const metadata = object?.['metadata']
  const annotations = isJsonObject(metadata) ? metadata['annotations'] : undefined
  return isJsonObject(annotations) ? annotations : {}
}

/** Go writes maps sorted by key. */
function sorted(value: Json): Json {
  if (isJsonList(value)) return value.map(sorted)
  if (!isJsonObject(value)) return value
  const entries = Object.entries(value).map(([key, part]): [string, Json] => [key, sorted(part ?? null)])
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
