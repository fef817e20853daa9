/**
 * Values at run time. Scalars are JavaScript's own where one fits: int is `bigint`, double is `number`, bytes are `Uint8Array`.
 * Everything else says its `kind`. Lists and maps are seams: a literal, a lazy view of JSON or a library's own collection.
 */
import type { Json } from '../json.ts'
import type { CelType } from './types.ts'

/** Any value of CEL. */
export type CelValue =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | ListValue
  | MapValue
  | ObjectValue
  | OptionalValue
  | TypeValue
  | OpaqueValue

/** An unsigned 64-bit number. */
export type Uint = { readonly kind: 'uint'; readonly value: bigint }

/** Seconds since 1970 and nanoseconds after them (0 to 999,999,999). */
export type Timestamp = { readonly kind: 'timestamp'; readonly seconds: number; readonly nanos: number }

/** A length of time in nanoseconds, within 64 bits. */
export type Duration = { readonly kind: 'duration'; readonly nanos: bigint }

/** A list. `get` is called with indexes in range only. */
export type ListValue = {
  readonly kind: 'list'
  readonly size: number
  readonly get: (index: number) => CelValue
  /** Equality of its own, as of `x-kubernetes-list-type: set`; both sides are asked through the left one. */
  readonly equals?: (other: ListValue) => boolean
  /** Its own meaning of `+`. */
  readonly concat?: (other: ListValue) => ListValue
  /** The JSON that this is a view of. */
  readonly json?: Json
}

/** A map. Keys are bool, int, uint or string. */
export type MapValue = {
  readonly kind: 'map'
  readonly size: number
  readonly find: (key: CelValue) => CelValue | undefined
  readonly keys: () => readonly CelValue[]
  /** Equality of its own; `undefined` leaves the question to the usual comparison. */
  readonly equals?: (other: MapValue) => boolean
  /** What `type()` says, where it is not `map`. */
  readonly typeName?: string
  /** The JSON that this is a view of. */
  readonly json?: Json
}

/** A struct written as `Name{field: value}`, or one that a library hands out; it is no map: `in` and `size` refuse it. */
export type ObjectValue = {
  readonly kind: 'object'
  readonly typeName: string
  readonly find: (field: string) => CelValue | undefined
  /** Names of the fields that are set. */
  readonly names: () => readonly string[]
  readonly equals?: (other: CelValue) => boolean
  readonly json?: Json
}

/** `optional.of(value)`, or `optional.none()` when `value` is absent. */
export type OptionalValue = { readonly kind: 'optional'; readonly value?: CelValue }

/** A type as a value: `int`, `type(x)`. */
export type TypeValue = { readonly kind: 'type'; readonly type: CelType }

/** A value of a library's own type. */
export type OpaqueValue = {
  readonly kind: 'opaque'
  readonly typeName: string
  readonly equals: (other: CelValue) => boolean
  /** What run-time costs count, where it is not 1. */
  readonly size?: number
  /** Whether `optional.ofNonZeroValue` takes it for nothing. */
  readonly isZero?: () => boolean
}

/** Makes a uint; the caller has checked the range. */
export function uint(value: bigint): Uint {
  return { kind: 'uint', value }
}

/** Makes a timestamp; the caller has checked the range. */
export function timestamp(seconds: number, nanos: number): Timestamp {
  return { kind: 'timestamp', seconds, nanos }
}

/** Makes a duration; the caller has checked the range. */
export function duration(nanos: bigint): Duration {
  return { kind: 'duration', nanos }
}

/** Makes a type value. */
export function typeValue(type: CelType): TypeValue {
  return { kind: 'type', type }
}

/** Makes an optional that has a value. */
export function optionalValue(value: CelValue): OptionalValue {
  return { kind: 'optional', value }
}

/** The optional without a value. */
export const optionalNone: OptionalValue = { kind: 'optional' }

class ArrayList implements ListValue {
  readonly kind = 'list'
  readonly items: readonly CelValue[]

  constructor(items: readonly CelValue[]) {
    this.items = items
  }

  get size(): number {
    return this.items.length
  }

  get(index: number): CelValue {
    return this.items[index] ?? null
  }
}

/** A list of these values. */
export function listValue(items: readonly CelValue[]): ListValue {
  return new ArrayList(items)
}

/** Two lists one after the other; nothing is copied, because a sum of lists costs the same whatever their sizes. */
class ConcatenatedList implements ListValue {
  readonly kind = 'list'
  readonly size: number
  readonly #first: ListValue
  readonly #second: ListValue

  constructor(first: ListValue, second: ListValue) {
    this.#first = first
    this.#second = second
    this.size = first.size + second.size
  }

  get(index: number): CelValue {
    const rest = index - this.#first.size
    return rest < 0 ? this.#first.get(index) : this.#second.get(rest)
  }
}

/** The list of the items of both. */
export function concatenated(first: ListValue, second: ListValue): ListValue {
  if (first.size === 0) return second
  return second.size === 0 ? first : new ConcatenatedList(first, second)
}

/** The items of a list as an array. */
export function itemsOf(list: ListValue): readonly CelValue[] {
  return list instanceof ArrayList ? list.items : Array.from({ length: list.size }, (_, i) => list.get(i))
}

class EntriesMap implements MapValue {
  readonly kind = 'map'
  readonly #byKey: ReadonlyMap<KeyIdentity, { readonly key: CelValue; readonly value: CelValue }>

  constructor(entries: Iterable<readonly [CelValue, CelValue]>) {
    const byKey = new Map<KeyIdentity, { key: CelValue; value: CelValue }>()
    for (const [key, value] of entries) {
      const id = keyIdentity(key)
      if (id !== undefined) byKey.set(id, { key, value })
    }
    this.#byKey = byKey
  }

  get size(): number {
    return this.#byKey.size
  }

  find(key: CelValue): CelValue | undefined {
    const id = keyIdentity(key)
    return id === undefined ? undefined : this.#byKey.get(id)?.value
  }

  keys(): readonly CelValue[] {
    return [...this.#byKey.values()].map((entry) => entry.key)
  }
}

/** A map of these entries; keys that are equal as numbers are the same key, the last one stays. */
export function mapValue(entries: Iterable<readonly [CelValue, CelValue]>): MapValue {
  return new EntriesMap(entries)
}

/** What a key is found by. */
export type KeyIdentity = string | boolean | bigint | number

/** What makes two keys the same: `1`, `1u` and `1.0` are. `undefined` for values that can be no key. */
export function keyIdentity(key: CelValue): KeyIdentity | undefined {
  if (typeof key === 'string' || typeof key === 'boolean' || typeof key === 'bigint') return key
  if (typeof key === 'number') return Number.isInteger(key) ? BigInt(key) : key
  return isKind(key, 'uint') ? key.value : undefined
}

type Kinded = Extract<CelValue, { readonly kind: string }>

/** Whether a value is of this kind. */
export function isKind<Kind extends Kinded['kind']>(
  value: CelValue | undefined,
  kind: Kind,
): value is Extract<Kinded, { readonly kind: Kind }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind
}

/** Grows at its end: what `map` and `filter` collect into. Nobody else sees it before it is done. */
export class GrowingList implements ListValue {
  readonly kind = 'list'
  readonly items: CelValue[] = []

  get size(): number {
    return this.items.length
  }

  get(index: number): CelValue {
    return this.items[index] ?? null
  }

  /** Appends what another list has. */
  append(other: ListValue): this {
    for (let i = 0; i < other.size; i++) this.items.push(other.get(i))
    return this
  }
}
