/** `==` and the order of values. Numbers compare by value whatever their types. Source: cel-go `common/types/compare.go`. */
import { CelError, CostLimitError, noSuchOverload } from './errors.ts'
import { typeName } from './types.ts'
import { type CelValue, isKind, type ListValue, type MapValue, type ObjectValue, type OptionalValue } from './values.ts'

/** How many values may still be looked at. Lists that hold one list many times look small and are not. */
type Work = { left: number }

const mostCompared = 2_000_000

/** Whether two values are equal; values of different kinds are not. */
export function equals(a: CelValue, b: CelValue): boolean {
  return equalWithin(a, b, undefined)
}

function equalWithin(a: CelValue, b: CelValue, work: Work | undefined): boolean {
  if (typeof a === 'string' || typeof a === 'boolean' || a === null) return a === b
  const left = numberOf(a)
  if (left !== undefined) {
    const right = numberOf(b)
    return right !== undefined && sameNumber(left, right)
  }
  if (typeof a !== 'object' || b === null) return false
  if (isKind(a, 'opaque')) return a.equals(b)
  return typeof b === 'object' && equalObjects(a, b, work ?? { left: mostCompared })
}

/** Between whole numbers and doubles the double's precision decides, as upstream has it. */
function sameNumber(a: bigint | number, b: bigint | number): boolean {
  return typeof a === typeof b ? a === b : Number(a) === Number(b)
}

/** The number that a value is, without its type. */
function numberOf(value: CelValue): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'uint'
    ? value.value
    : undefined
}

function equalObjects(a: Extract<CelValue, object>, b: Extract<CelValue, object>, work: Work): boolean {
  work.left--
  if (work.left < 0) throw new CostLimitError()
  if (a instanceof Uint8Array) return b instanceof Uint8Array && compareBytes(a, b) === 0
  if (b instanceof Uint8Array) return false
  switch (a.kind) {
    case 'list':
      return b.kind === 'list' && equalLists(a, b, work)
    case 'map':
      return b.kind === 'map' && equalMaps(a, b, work)
    case 'object':
      return b.kind === 'object' && equalStructs(a, b, work)
    case 'optional':
      return b.kind === 'optional' && equalOptionals(a, b, work)
    case 'type':
      return b.kind === 'type' && typeName(a.type) === typeName(b.type)
    case 'timestamp':
      return b.kind === 'timestamp' && a.seconds === b.seconds && a.nanos === b.nanos
    case 'duration':
      return b.kind === 'duration' && a.nanos === b.nanos
    case 'opaque':
      return a.equals(b)
    case 'uint':
      return false
  }
}

function equalLists(a: ListValue, b: ListValue, work: Work): boolean {
  if (a.equals !== undefined) return a.equals(b)
  if (a.size !== b.size) return false
  for (let i = 0; i < a.size; i++) if (!equalWithin(a.get(i), b.get(i), work)) return false
  return true
}

function equalMaps(a: MapValue, b: MapValue, work: Work): boolean {
  if (a.equals !== undefined) return a.equals(b)
  if (a.size !== b.size) return false
  for (const key of a.keys()) {
    const left = a.find(key)
    const right = b.find(key)
    if (left === undefined || right === undefined || !equalWithin(left, right, work)) return false
  }
  return true
}

function equalStructs(a: ObjectValue, b: ObjectValue, work: Work): boolean {
  if (a.equals !== undefined) return a.equals(b)
  const names = a.names()
  if (a.typeName !== b.typeName || names.length !== b.names().length) return false
  return names.every((name) => {
    const left = a.find(name)
    const right = b.find(name)
    return left !== undefined && right !== undefined && equalWithin(left, right, work)
  })
}

function equalOptionals(a: OptionalValue, b: OptionalValue, work: Work): boolean {
  if (a.value === undefined || b.value === undefined) return a.value === b.value
  return equalWithin(a.value, b.value, work)
}

/** -1, 0 or 1; throws `no such overload` for values without an order between them. */
export function compare(a: CelValue, b: CelValue): number {
  const left = numberOf(a)
  const right = numberOf(b)
  if (left !== undefined && right !== undefined) return compareNumbers(left, right)
  if (typeof a === 'string' && typeof b === 'string') return compareStrings(a, b)
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) return compareObjects(a, b)
  throw noSuchOverload()
}

function compareNumbers(a: bigint | number, b: bigint | number): number {
  if (typeof a !== typeof b) return compareNumbers(Number(a), Number(b))
  if (a < b) return -1
  if (a > b) return 1
  if (Number.isNaN(a) || Number.isNaN(b)) throw new CelError('NaN values cannot be ordered')
  return 0
}

function compareObjects(a: Extract<CelValue, object>, b: Extract<CelValue, object>): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b)
  if (a instanceof Uint8Array || b instanceof Uint8Array) throw noSuchOverload()
  if (a.kind === 'timestamp' && b.kind === 'timestamp') {
    return Math.sign(a.seconds - b.seconds) || Math.sign(a.nanos - b.nanos)
  }
  if (a.kind === 'duration' && b.kind === 'duration') return compareNumbers(a.nanos, b.nanos)
  throw noSuchOverload()
}

/** By code points, as UTF-8 bytes compare; JavaScript's own order differs beyond the first 65,536. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left === right) continue
    return codeUnitRank(left) < codeUnitRank(right) ? -1 : 1
  }
  return a.length < b.length ? -1 : 1
}

/** Surrogates stand for code points above all that fit into one unit. */
function codeUnitRank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return Math.sign(difference)
  }
  return Math.sign(a.length - b.length)
}
