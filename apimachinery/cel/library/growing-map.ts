/**
 * Maps that loops build entry by entry. All versions of a growing map share one table; each version sees the entries that were there
 * when it was made. So an insertion into the newest version takes constant time, and older versions stay what they were.
 */
import { CelError } from '../errors.ts'
import { type CelValue, type KeyIdentity, keyIdentity, type MapValue } from '../values.ts'

type Table = {
  readonly keys: CelValue[]
  readonly values: CelValue[]
  readonly places: Map<KeyIdentity, number>
}

class GrowingMap implements MapValue {
  readonly kind = 'map'
  readonly size: number
  readonly #table: Table

  constructor(table: Table, size: number) {
    this.#table = table
    this.size = size
  }

  find(key: CelValue): CelValue | undefined {
    const identity = keyIdentity(key)
    const place = identity === undefined ? undefined : this.#table.places.get(identity)
    return place !== undefined && place < this.size ? this.#table.values[place] : undefined
  }

  keys(): readonly CelValue[] {
    return this.#table.keys.slice(0, this.size)
  }

  /** The table to write the next entry into: the shared one for the newest version, a copy for an older one. */
  tableForNext(): Table {
    return this.#table.keys.length === this.size ? this.#table : copy(this)
  }
}

function copy(map: MapValue): Table {
  const table: Table = { keys: [], values: [], places: new Map() }
  for (const key of map.keys()) append(table, key, map.find(key) ?? null)
  return table
}

function append({ keys, values, places }: Table, key: CelValue, value: CelValue): void {
  const identity = keyIdentity(key)
  if (identity === undefined) throw new CelError('unsupported key type')
  places.set(identity, keys.length)
  keys.push(key)
  values.push(value)
}

/** The map with one more entry; a key that is there already is an error. */
export function insertEntry(map: MapValue, key: CelValue, value: CelValue): MapValue {
  if (map.find(key) !== undefined) throw new CelError(`insert failed: key ${keyText(key)} already exists`)
  const table = map instanceof GrowingMap ? map.tableForNext() : copy(map)
  append(table, key, value)
  return new GrowingMap(table, table.keys.length)
}

function keyText(key: CelValue): string {
  return String(keyIdentity(key))
}
