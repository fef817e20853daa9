/** Arithmetic and membership on values of any kind. Errors are cel-go's. Source: cel-go `common/types`. */
import { equals } from './equality.ts'
import { CelError, CostLimitError, noSuchOverload } from './errors.ts'
import { isInt, isUint, minInt } from './numbers.ts'
import { addDuration, checkedDuration, timeBetween } from './time-values.ts'
import { type CelValue, concatenated, duration, GrowingList, isKind, type ListValue, uint } from './values.ts'

/** An operator with two operands. */
export type BinaryOperator = (a: CelValue, b: CelValue) => CelValue

function checkedInt(value: bigint): bigint {
  if (!isInt(value)) throw new CelError('integer overflow')
  return value
}

function checkedUint(value: bigint): CelValue {
  if (!isUint(value)) throw new CelError('unsigned integer overflow')
  return uint(value)
}

/** The left operand is of a kind that knows the operator, but not with this right operand; or it does not know it at all. */
function refuse(a: CelValue, name: string, kinds: ReadonlySet<string>): CelError {
  return kinds.has(kindName(a)) ? noSuchOverload() : new CelError(`no such overload: ${name}`)
}

function kindName(value: CelValue): string {
  if (typeof value !== 'object') return typeof value
  if (value === null) return 'null'
  return value instanceof Uint8Array ? 'bytes' : value.kind
}

const adders = new Set(['bigint', 'number', 'string', 'bytes', 'uint', 'duration', 'timestamp', 'list'])
const subtractors = new Set(['bigint', 'number', 'uint', 'duration', 'timestamp'])
const multipliers = new Set(['bigint', 'number', 'uint'])
const modders = new Set(['bigint', 'uint'])

/** `a + b`. */
export const add: BinaryOperator = (a, b) => {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checkedInt(a + b)
  if (typeof a === 'string' && typeof b === 'string') return join(a, b)
  if (typeof a === 'number' && typeof b === 'number') return a + b
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const sum = addObjects(a, b)
    if (sum !== undefined) return sum
  }
  throw refuse(a, '_+_', adders)
}

/**
 * Longest text, bytes or list that `+` makes. Costs do not bound it: the sum of two `dyn` values costs 1, and `optMap` can double
 * a value at every level.
 */
const maxSize = 2 ** 24

function join(a: string, b: string): string {
  if (a.length + b.length > maxSize) throw new CostLimitError()
  return a + b
}

function joinBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length + b.length > maxSize) throw new CostLimitError()
  return Buffer.concat([a, b])
}

function addObjects(a: Extract<CelValue, object>, b: Extract<CelValue, object>): CelValue | undefined {
  if (a instanceof Uint8Array) return b instanceof Uint8Array ? joinBytes(a, b) : undefined
  if (b instanceof Uint8Array) return undefined
  switch (a.kind) {
    case 'list':
      return b.kind === 'list' ? concatenate(a, b) : undefined
    case 'uint':
      return b.kind === 'uint' ? checkedUint(a.value + b.value) : undefined
    case 'duration':
      if (b.kind === 'timestamp') return addDuration(b, a)
      return b.kind === 'duration' ? checkedDuration(a.nanos + b.nanos) : undefined
    case 'timestamp':
      return b.kind === 'duration' ? addDuration(a, b) : undefined
    default:
      return undefined
  }
}

function concatenate(a: ListValue, b: ListValue): ListValue {
  if (a instanceof GrowingList) return a.append(b)
  const sum = a.concat === undefined ? concatenated(a, b) : a.concat(b)
  if (sum.size > maxSize) throw new CostLimitError()
  return sum
}

/** `a - b`. */
export const subtract: BinaryOperator = (a, b) => {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checkedInt(a - b)
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (isKind(a, 'uint') && isKind(b, 'uint')) return checkedUint(a.value - b.value)
  if (isKind(a, 'duration') && isKind(b, 'duration')) return checkedDuration(a.nanos - b.nanos)
  if (isKind(a, 'timestamp')) {
    if (isKind(b, 'duration')) return addDuration(a, duration(checkedInt(-b.nanos)))
    if (isKind(b, 'timestamp')) return timeBetween(a, b)
  }
  throw refuse(a, '_-_', subtractors)
}

/** `a * b`. */
export const multiply: BinaryOperator = (a, b) => {
  if (typeof a === 'bigint' && typeof b === 'bigint') return checkedInt(a * b)
  if (typeof a === 'number' && typeof b === 'number') return a * b
  if (isKind(a, 'uint') && isKind(b, 'uint')) return checkedUint(a.value * b.value)
  throw refuse(a, '_*_', multipliers)
}

/** `a / b`. */
export const divide: BinaryOperator = (a, b) => {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) throw new CelError('division by zero')
    return checkedInt(a / b)
  }
  if (typeof a === 'number' && typeof b === 'number') return a / b
  if (isKind(a, 'uint') && isKind(b, 'uint')) {
    if (b.value === 0n) throw new CelError('division by zero')
    return uint(a.value / b.value)
  }
  throw refuse(a, '_/_', multipliers)
}

/** `a % b`. */
export const modulo: BinaryOperator = (a, b) => {
  if (typeof a === 'bigint' && typeof b === 'bigint') {
    if (b === 0n) throw new CelError('modulus by zero')
    if (a === minInt && b === -1n) throw new CelError('integer overflow')
    return a % b
  }
  if (isKind(a, 'uint') && isKind(b, 'uint')) {
    if (b.value === 0n) throw new CelError('modulus by zero')
    return uint(a.value % b.value)
  }
  throw refuse(a, '_%_', modders)
}

/** `-a`. */
export function negate(a: CelValue): CelValue {
  if (typeof a === 'bigint') return checkedInt(-a)
  if (typeof a === 'number') return -a
  if (isKind(a, 'duration')) return checkedDuration(-a.nanos)
  throw typeof a === 'boolean' ? noSuchOverload() : new CelError('no such overload: -_')
}

/** `a in b`. */
export const contains: BinaryOperator = (a, b) => {
  if (isKind(b, 'map')) return b.find(a) !== undefined
  if (!isKind(b, 'list')) throw noSuchOverload()
  for (let i = 0; i < b.size; i++) if (equals(a, b.get(i))) return true
  return false
}
