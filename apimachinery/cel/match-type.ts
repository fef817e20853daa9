/** Whether a value at run time may be passed where a type was declared. */
import type { CelType } from './types.ts'
import { optionalTypeName } from './types.ts'
import type { CelValue } from './values.ts'

/** True if the value's kind is the declared one; what is inside lists and maps is not looked at. */
export function matchesType(value: CelValue, type: CelType): boolean {
  switch (type.kind) {
    case 'dyn':
    case 'any':
    case 'param':
    case 'error':
      return true
    case 'string':
      return typeof value === 'string'
    case 'int':
      return typeof value === 'bigint'
    case 'double':
      return typeof value === 'number'
    case 'bool':
      return typeof value === 'boolean'
    case 'null':
      return value === null
    case 'bytes':
      return value instanceof Uint8Array
    default:
      return typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && matchesKind(value, type)
  }
}

type Kinded = Extract<CelValue, { readonly kind: string }>

function matchesKind(value: Kinded, type: CelType): boolean {
  switch (type.kind) {
    case 'object':
      return (
        value.kind === 'map' || value.kind === 'object' || (value.kind === 'opaque' && value.typeName === type.name)
      )
    case 'opaque':
      if (type.name === optionalTypeName) return value.kind === 'optional'
      return value.kind === 'opaque' && value.typeName === type.name
    default:
      return value.kind === type.kind
  }
}
