/** JSON Merge Patch (RFC 7386): objects merge, null deletes, everything else replaces. */
import { getOwn, goType, isDeeperThan, isJsonObject, type Json, type JsonObject, setOwn } from '../json.ts'
import { badRequest } from '../status.ts'

const maxDepth = 1000

/** Applies a merge patch to an object; a body that is no object is refused. */
export function applyMergePatch(document: JsonObject, patch: unknown): JsonObject {
  // Go takes null for an empty map, and the library that merges does not.
  if (patch === null) throw badRequest('Invalid JSON Patch')
  if (!isJsonObject(patch)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${goType(patch)} into Go value of type map[string]interface {}`,
    )
  }
  if (isDeeperThan(patch, maxDepth)) throw badRequest('exceeded max depth')
  return mergeObject(document, patch)
}

function mergeObject(target: JsonObject, patch: JsonObject): JsonObject {
  const merged: Record<string, Json> = {}
  for (const key of Object.keys(target)) {
    const value = target[key]
    if (value === undefined) continue
    const change = getOwn(patch, key)
    if (change === undefined) setOwn(merged, key, value)
    else if (change !== null) setOwn(merged, key, mergeValue(value, change))
  }
  for (const key of Object.keys(patch)) {
    const change = patch[key]
    if (change !== undefined && change !== null && !Object.hasOwn(target, key)) {
      setOwn(merged, key, mergeValue(undefined, change))
    }
  }
  return merged
}

function mergeValue(target: Json | undefined, patch: Json): Json {
  return isJsonObject(patch) ? mergeObject(isJsonObject(target) ? target : {}, patch) : patch
}
