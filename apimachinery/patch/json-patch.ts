/**
 * JSON Patch (RFC 6902) as the API server applies it: on a private copy, operation by operation, all or nothing.
 * Two of upstream's extensions are kept: negative indices count from the end, and of operations on the root only `replace` works.
 * Source: `gopkg.in/evanphx/json-patch.v4`, apiserver `endpoints/handlers/patch.go`.
 */
import {
  equalJson,
  getOwn,
  goType,
  isDeeperThan,
  isJsonList,
  isJsonObject,
  type Json,
  type JsonObject,
  setOwn,
} from '../json.ts'
import { badRequest, StatusError } from '../status.ts'

const maxOperations = 10_000
/** Without it, copies of copies grow a small patch into terabytes. */
const maxCopiedBytes = 3 * 1024 * 1024
const maxDepth = 1000

type Container = Record<string, Json> | Json[]
type Place = { readonly container: Container; readonly key: string }

/** Applies a patch; answers in upstream's words when the body is no patch or the patch does not fit the document. */
export function applyJsonPatch(document: JsonObject, operations: unknown): JsonObject {
  const patch = checkPatch(operations)
  const applier = new Applier(clone(document))
  for (const operation of patch) {
    try {
      applier.apply(operation)
    } catch (error) {
      if (error instanceof PatchProblem) throw rejected(error)
      throw error
    }
  }
  return applier.root as JsonObject
}

function checkPatch(operations: unknown): readonly JsonObject[] {
  if (!Array.isArray(operations)) {
    const kind = goType(operations)
    // The only value of another type that Go takes for a list.
    if (kind === 'null') return []
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${kind} into Go value of type []handlers.jsonPatchOp`,
    )
  }
  if (operations.length > maxOperations) {
    throw new StatusError(
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    )
  }
  if (isDeeperThan(operations as Json, maxDepth)) throw badRequest('exceeded max depth')
  return operations.map(checkOperation)
}

/** A `null` passes for an operation here; it fails when it is applied. */
function checkOperation(operation: unknown): JsonObject {
  if (operation === null) return {}
  const undecodable = (value: unknown, place: string): StatusError =>
    badRequest(`error decoding patch: json: cannot unmarshal ${goType(value)} into Go ${place}`)
  if (!isJsonObject(operation)) throw undecodable(operation, 'value of type handlers.jsonPatchOp')
  for (const field of ['op', 'from', 'path']) {
    const value = operation[field] ?? ''
    if (typeof value !== 'string') throw undecodable(value, `struct field jsonPatchOp.${field} of type string`)
  }
  return operation
}

/** Upstream keeps the reason to itself; it stays here as the cause, for the log. */
function rejected(cause: PatchProblem): StatusError {
  const error = new StatusError('Invalid', 'the server rejected our request due to an error in our request', {}, 422)
  error.cause = cause
  return error
}

/** Why a patch does not fit, in the words of upstream's library. */
export class PatchProblem extends Error {
  override readonly name = 'PatchProblem'
}

class Applier {
  /** The document as it is by now. */
  root: Json
  #copiedBytes = 0

  constructor(root: Json) {
    this.root = root
  }

  apply(operation: JsonObject): void {
    const path = operation['path']
    const kind = operation['op']
    if (typeof path !== 'string')
      throw new PatchProblem(`${String(kind)} operation failed to decode path: missing value`)
    switch (kind) {
      case 'add':
        this.#add(path, clone(operation['value'] ?? null))
        break
      case 'remove':
        this.#remove(path, 'remove')
        break
      case 'replace':
        this.#replace(path, clone(operation['value'] ?? null))
        break
      case 'test':
        this.#test(path, operation['value'] ?? null)
        break
      case 'move':
        this.#add(path, this.#remove(from(operation), 'move'), 'move')
        break
      case 'copy':
        this.#copy(from(operation), path)
        break
      default:
        throw new PatchProblem(`Unexpected kind: ${String(kind)}`)
    }
  }

  #add(path: string, value: Json, kind = 'add'): void {
    const place = this.#find(path)
    if (place === undefined)
      throw missing(`${kind} operation does not apply: doc is missing path: ${quoted(kind, path)}`)
    const { container, key } = place
    if (!isJsonList(container)) {
      setOwn(container, key, value)
      return
    }
    const index = key === '-' ? container.length : listIndex(container.length + 1, key)
    if (index === undefined) {
      throw new PatchProblem(
        `error in add for path: '${path}': Unable to access invalid index: ${key}: invalid index referenced`,
      )
    }
    container.splice(index, 0, value)
  }

  #remove(path: string, kind: 'remove' | 'move'): Json {
    const place = this.#find(path)
    if (place === undefined) {
      throw missing(
        `${kind} operation does not apply: doc is missing ${kind === 'move' ? 'from ' : ''}path: ${quoted(kind, path)}`,
      )
    }
    const { container, key } = place
    if (!isJsonList(container)) {
      const value = getOwn(container, key)
      if (value === undefined)
        throw missing(`error in remove for path: '${path}': Unable to remove nonexistent key: ${key}`)
      delete container[key]
      return value
    }
    const index = listIndex(container.length, key)
    if (index === undefined) {
      throw new PatchProblem(
        `error in remove for path: '${path}': Unable to access invalid index: ${key}: invalid index referenced`,
      )
    }
    return container.splice(index, 1)[0] ?? null
  }

  #replace(path: string, value: Json): void {
    if (path === '') {
      if (!isJsonObject(value)) throw new PatchProblem('replace operation value must be object or array')
      this.root = value
      return
    }
    const place = this.#find(path)
    if (place === undefined) throw missing(`replace operation does not apply: doc is missing path: ${path}`)
    const { container, key } = place
    // Upstream's library notices what is missing in lists only.
    if (isJsonList(container) && read(place) === undefined) {
      throw missing(`replace operation does not apply: doc is missing key: ${path}`)
    }
    const index = isJsonList(container) ? listIndex(container.length, key) : undefined
    if (!isJsonList(container)) setOwn(container, key, value)
    else if (index !== undefined) container[index] = value
  }

  #test(path: string, expected: Json): void {
    const place = this.#find(path)
    if (place === undefined) throw missing(`test operation does not apply: is missing path: ${path}`)
    // A missing field equals null, as upstream.
    if (!equalJson(read(place) ?? null, expected)) throw new PatchProblem(`testing value ${path} failed: test failed`)
  }

  #copy(source: string, path: string): void {
    const place = this.#find(source)
    const isField = place !== undefined && !isJsonList(place.container)
    const value = place === undefined ? undefined : (read(place) ?? (isField ? null : undefined))
    if (value === undefined) throw missing(`copy operation does not apply: doc is missing from path: ${source}`)
    this.#copiedBytes += JSON.stringify(value).length
    if (this.#copiedBytes > maxCopiedBytes) {
      throw new PatchProblem(
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copiedBytes}, exceeding the limit ${maxCopiedBytes}`,
      )
    }
    this.#add(path, clone(value), 'copy')
  }

  /** The object or list that holds the last part of the path. */
  #find(path: string): Place | undefined {
    const parts = path.split('/')
    if (parts.length < 2) return undefined
    let container: Json = this.root
    for (const part of parts.slice(1, -1)) {
      const next: Json | undefined = isContainer(container) ? read({ container, key: unescapePart(part) }) : undefined
      if (next === undefined) return undefined
      container = next
    }
    return isContainer(container) ? { container, key: unescapePart(parts.at(-1) ?? '') } : undefined
  }
}

function from(operation: JsonObject): string {
  const path = operation['from']
  if (typeof path === 'string') return path
  throw missing(`${String(operation['op'])} operation failed to decode from`)
}

function missing(message: string): PatchProblem {
  return new PatchProblem(`${message}: missing value`)
}

function quoted(kind: string, path: string): string {
  return kind === 'add' || kind === 'remove' ? `"${path}"` : path
}

/** The applier's own copy is the one thing here that is changed in place. */
function isContainer(value: Json): value is Json & Container {
  return typeof value === 'object' && value !== null
}

function read({ container, key }: Place): Json | undefined {
  if (!isJsonList(container)) return getOwn(container, key)
  const index = listIndex(container.length, key)
  return index === undefined ? undefined : container[index]
}

/** An index below `length`; negative ones count from the end. Source: Go's `strconv.Atoi`, which takes signs and leading zeros. */
function listIndex(length: number, key: string): number | undefined {
  if (!/^[-+]?\d+$/.test(key)) return undefined
  const index = Number(key) < 0 ? Number(key) + length : Number(key)
  return index >= 0 && index < length ? index : undefined
}

function unescapePart(part: string): string {
  return part.includes('~') ? part.replaceAll('~1', '/').replaceAll('~0', '~') : part
}

function clone(value: Json): Json {
  if (isJsonList(value)) return value.map(clone)
  if (!isJsonObject(value)) return value
  const copy: Record<string, Json> = {}
  for (const key of Object.keys(value)) {
    const part = value[key]
    if (part !== undefined) setOwn(copy, key, clone(part))
  }
  return copy
}
