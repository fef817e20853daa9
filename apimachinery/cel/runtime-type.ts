/** What a value is: its type at run time, its size, its truth as "nothing". */
import { type CelType, celTypes, listOf, mapOf, objectType, opaque, optionalOf, typeName } from './types.ts'
import type { CelValue } from './values.ts'

const anyList = listOf(celTypes.dyn)
const anyMap = mapOf(celTypes.dyn, celTypes.dyn)
const anyOptional = optionalOf(celTypes.dyn)

/** The type of a value as `type()` has it: `list`, `map` and optionals say nothing of what is inside. */
export function runtimeType(value: CelValue): CelType {
  switch (typeof value) {
    case 'string':
      return celTypes.string
    case 'bigint':
      return celTypes.int
    case 'number':
      return celTypes.double
    case 'boolean':
      return celTypes.bool
    default:
      return value === null ? celTypes.null : objectRuntimeType(value)
  }
}

function objectRuntimeType(value: Extract<CelValue, object>): CelType {
  if (value instanceof Uint8Array) return celTypes.bytes
  switch (value.kind) {
    case 'uint':
      return celTypes.uint
    case 'timestamp':
      return celTypes.timestamp
    case 'duration':
      return celTypes.duration
    case 'list':
      return anyList
    case 'map':
      return value.typeName === undefined ? anyMap : objectType(value.typeName)
    case 'object':
      return objectType(value.typeName)
    case 'optional':
      return anyOptional
    case 'type':
      return celTypes.type
    case 'opaque':
      return opaque(value.typeName)
  }
}

/** The name of a value's type as it stands in messages. */
export function runtimeTypeName(value: CelValue): string {
  return typeName(runtimeType(value))
}

const surrogate = /[\ud800-\udfff]/

/** Length in code points. */
export function codePointCount(text: string): number {
  if (!surrogate.test(text)) return text.length
  let pairs = 0
  for (let i = 1; i < text.length; i++) if ((text.charCodeAt(i) & 0xfc00) === 0xdc00) pairs++
  return text.length - pairs
}

/** What run-time costs count: code points, bytes, items, entries; 1 for everything else. */
export function sizeOf(value: CelValue | undefined): number {
  if (typeof value === 'string') return codePointCount(value)
  if (typeof value !== 'object' || value === null) return 1
  if (value instanceof Uint8Array) return value.length
  switch (value.kind) {
    case 'list':
    case 'map':
      return value.size
    case 'opaque':
      return value.size ?? 1
    case 'optional':
      return value.value === undefined ? 1 : sizeOf(value.value)
    default:
      return 1
  }
}

/** Whether `optional.ofNonZeroValue` takes the value for nothing. */
export function isZero(value: CelValue): boolean {
  switch (typeof value) {
    case 'string':
      return value === ''
    case 'bigint':
      return value === 0n
    case 'number':
      return value === 0
    case 'boolean':
      return !value
    default:
      return value === null || isZeroObject(value)
  }
}

const secondsOfYearOne = -62_135_596_800

function isZeroObject(value: Extract<CelValue, object>): boolean {
  if (value instanceof Uint8Array) return value.length === 0
  switch (value.kind) {
    case 'uint':
      return value.value === 0n
    case 'duration':
      return value.nanos === 0n
    case 'timestamp':
      return value.seconds === secondsOfYearOne && value.nanos === 0
    case 'list':
    case 'map':
      return value.size === 0
    case 'object':
      return value.names().length === 0
    case 'opaque':
      return value.isZero?.() ?? false
    case 'optional':
    case 'type':
      return false
  }
}
