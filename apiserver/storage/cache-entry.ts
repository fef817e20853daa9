/**
 * One object as the watch cache holds it: its bytes, encoded once, and the parsed object, made when first asked for.
 * Stored bytes carry no resourceVersion; it is spliced in without parsing.
 */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { StatusError } from '../../apimachinery/status.ts'
import { encryptedProblem, isEncrypted } from './encryption/transformer.ts'
import type { StoredValue } from './storage.ts'

/** An object in one served version: parsed, and encoded with its resourceVersion. */
export type View = { readonly object: ApiObject; readonly json: Buffer }

const metadataStart = Buffer.from('"metadata":{')

/** Puts `"resourceVersion"` into stored JSON. `kind` and `apiVersion` stand first there, so the first match is the object's own. */
export function withResourceVersion(stored: Buffer, revision: number): Buffer {
  const at = stored.indexOf(metadataStart)
  if (at === -1) return stored
  const end = at + metadataStart.length
  return Buffer.concat([
    stored.subarray(0, end),
    Buffer.from(`"resourceVersion":"${revision}"${stored[end] === 0x7d ? '' : ','}`),
    stored.subarray(end),
  ])
}

const encodings = new WeakMap<ApiObject, Buffer>()

/** The bytes of an object that this server has encoded before; otherwise encodes it. */
export function encodingOf(object: ApiObject): Buffer {
  return encodings.get(object) ?? Buffer.from(JSON.stringify(object))
}

/** One object at one revision. Never changes, apart from what it computes lazily. */
export class CacheEntry {
  readonly key: string
  readonly revision: number
  /** Why the value in the store cannot be read: all that is known is that it is there. */
  readonly unreadable: string | undefined
  readonly #json: Buffer
  #object: ApiObject | undefined
  #views: WeakMap<Resource, View> | undefined

  constructor(key: string, revision: number, json: Buffer, object?: ApiObject, unreadable?: string) {
    this.key = key
    this.revision = revision
    this.unreadable = unreadable
    this.#json = json
    this.#object = object
    if (object !== undefined) encodings.set(object, json)
  }

  /** From what the store holds. */
  static of({ key, value, modRevision, unreadable }: StoredValue): CacheEntry {
    const problem = unreadable ?? (isEncrypted(value) ? encryptedProblem : undefined)
    if (problem !== undefined) return new CacheEntry(key, modRevision, value, undefined, problem)
    return CacheEntry.fromStored(key, modRevision, value)
  }

  /** From the bytes as they are in the store. */
  static fromStored(key: string, revision: number, stored: Buffer): CacheEntry {
    return new CacheEntry(key, revision, withResourceVersion(stored, revision))
  }

  /** In the stored version, with resourceVersion. Throws for what is unreadable, as `object` and `view` do. */
  get json(): Buffer {
    if (this.unreadable !== undefined) throw unreadableError(this.unreadable)
    return this.#json
  }

  /** The size of the value, readable or not. */
  get byteLength(): number {
    return this.#json.length
  }

  get object(): ApiObject {
    // Only this server (or an upstream one on the same store) writes these bytes, after validation.
    this.#object ??= JSON.parse(this.json.toString('utf8')) as ApiObject
    return this.#object
  }

  /** In the version that `resource` serves. */
  view(resource: Resource): View {
    if (this.unreadable !== undefined) throw unreadableError(this.unreadable)
    if (resource.storedAs === undefined) return this
    const known = this.#views?.get(resource)
    if (known !== undefined) return known
    const object = resource.storedAs.fromStored(this.object)
    const view = object === this.object ? this : { object, json: Buffer.from(JSON.stringify(object)) }
    this.#views ??= new WeakMap()
    this.#views.set(resource, view)
    return view
  }

  /** Whether the entry can be seen in the version that `resource` serves without asking anybody. */
  hasView(resource: Resource): boolean {
    return resource.storedAs?.convert === undefined || this.#views?.has(resource) === true
  }

  /** Gives the entry its form in the version that `resource` serves. */
  setView(resource: Resource, object: ApiObject): void {
    const view = object === this.object ? this : { object, json: Buffer.from(JSON.stringify(object)) }
    this.#views ??= new WeakMap()
    this.#views.set(resource, view)
  }

  /** The same object at a later revision: what a DELETED event carries. */
  at(revision: number): CacheEntry {
    if (this.unreadable !== undefined) {
      return new CacheEntry(this.key, revision, this.#json, undefined, this.unreadable)
    }
    const own = Buffer.from(`"resourceVersion":"${this.revision}"`)
    const at = this.json.indexOf(own)
    if (at === -1) return new CacheEntry(this.key, revision, this.json)
    const json = Buffer.concat([
      this.json.subarray(0, at),
      Buffer.from(`"resourceVersion":"${revision}"`),
      this.json.subarray(at + own.length),
    ])
    return new CacheEntry(this.key, revision, json)
  }
}

/** 500 in upstream's words. */
function unreadableError(problem: string): StatusError {
  return new StatusError('InternalError', `Internal error occurred: ${problem}`, {
    causes: [{ reason: 'InternalError', message: problem }],
  })
}

/** Throws upstream's 500 for a list of which a part cannot be read. */
export function refuseUnreadable(entries: readonly CacheEntry[]): void {
  for (const { unreadable, key } of entries) {
    if (unreadable !== undefined) throw unreadableError(`unable to transform key "${key}": ${unreadable}`)
  }
}
