import type { ApiObject } from '../../api/resource.ts'

export type IndexFunction<T> = (object: T) => readonly string[]

/** Objects by key, with indexes kept up to date. Objects are handed out as they are: never change one. */
export class Store<T extends ApiObject> {
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<string, { readonly of: IndexFunction<T>; readonly keys: Map<string, Set<string>> }>()

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  list(): readonly T[] {
    return [...this.#objects.values()]
  }

  keys(): readonly string[] {
    return [...this.#objects.keys()]
  }

  get size(): number {
    return this.#objects.size
  }

  /** Objects whose index `name` holds `value`; nothing for an unknown value. */
  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name)
    if (index === undefined) throw new Error(`no index ${name}`)
    const found: T[] = []
    for (const key of index.keys.get(value) ?? []) {
      const object = this.#objects.get(key)
      if (object !== undefined) found.push(object)
    }
    return found
  }

  addIndex(name: string, of: IndexFunction<T>): void {
    const index = { of, keys: new Map<string, Set<string>>() }
    this.#indexes.set(name, index)
    for (const [key, object] of this.#objects) addKeys(index.keys, of(object), key)
  }

  /** Returns what stood there before. */
  set(key: string, object: T): T | undefined {
    const old = this.#objects.get(key)
    this.#objects.set(key, object)
    for (const { of, keys } of this.#indexes.values()) {
      if (old !== undefined) removeKeys(keys, of(old), key)
      addKeys(keys, of(object), key)
    }
    return old
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key)
    if (old === undefined) return undefined
    this.#objects.delete(key)
    for (const { of, keys } of this.#indexes.values()) removeKeys(keys, of(old), key)
    return old
  }
}

function addKeys(index: Map<string, Set<string>>, values: readonly string[], key: string): void {
  for (const value of values) {
    const keys = index.get(value)
    if (keys === undefined) index.set(value, new Set([key]))
    else keys.add(key)
  }
}

function removeKeys(index: Map<string, Set<string>>, values: readonly string[], key: string): void {
  for (const value of values) {
    const keys = index.get(value)
    keys?.delete(key)
    if (keys?.size === 0) index.delete(value)
  }
}
