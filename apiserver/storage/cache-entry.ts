/**
 * One object as the watch cache holds it: its bytes, encoded once, and the parsed object, made when first asked for.
 * Stored bytes carry no resourceVersion; it is spliced in without parsing.
 */
import type { ApiObject, Resource } from '../../api/resource.ts'

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
  /** In the stored version, with resourceVersion. */
  readonly json: Buffer
  #object: ApiObject | undefined
  #views: WeakMap<Resource, View> | undefined

  constructor(key: string, revision: number, json: Buffer, object?: ApiObject) {
    this.key = key
    this.revision = revision
    this.json = json
    this.#object = object
    if (object !== undefined) encodings.set(object, json)
  }

  /** From the bytes as they are in the store. */
  static fromStored(key: string, revision: number, stored: Buffer): CacheEntry {
    return new CacheEntry(key, revision, withResourceVersion(stored, revision))
  }

  get object(): ApiObject {
    // Only this server (or an upstream one on the same store) writes these bytes, after validation.
    this.#object ??= JSON.parse(this.json.toString('utf8')) as ApiObject
    return this.#object
  }

  /** In the version that `resource` serves. */
  view(resource: Resource): View {
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
