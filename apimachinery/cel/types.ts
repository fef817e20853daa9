/**
 * CEL's types as plain data. Names and notation are cel-go's, because they stand in the messages that users read.
 * Source: the language definition of CEL, "Gradual Type Checking"; cel-go `common/types/types.go`.
 */

/** Kinds without parameters. `error` is the type of an expression that already has an issue. */
export type SimpleKind =
  | 'dyn'
  | 'any'
  | 'null'
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'error'

/** A type of CEL. */
export type CelType =
  | { readonly kind: SimpleKind }
  | { readonly kind: 'list'; readonly items: CelType }
  | { readonly kind: 'map'; readonly keys: CelType; readonly values: CelType }
  /** A declared struct; its fields are found by name in the environment's provider. */
  | { readonly kind: 'object'; readonly name: string }
  /** A library's own type, such as `kubernetes.URL`, or one with parameters, such as `optional_type(int)`. */
  | { readonly kind: 'opaque'; readonly name: string; readonly parameters: readonly CelType[] }
  /** The type of a type's name; without `of` it is the type of any type. */
  | { readonly kind: 'type'; readonly of?: CelType }
  /** A type parameter of a function's declaration. */
  | { readonly kind: 'param'; readonly name: string }

/** The types without parameters. */
export const celTypes = {
  dyn: { kind: 'dyn' },
  any: { kind: 'any' },
  null: { kind: 'null' },
  bool: { kind: 'bool' },
  int: { kind: 'int' },
  uint: { kind: 'uint' },
  double: { kind: 'double' },
  string: { kind: 'string' },
  bytes: { kind: 'bytes' },
  timestamp: { kind: 'timestamp' },
  duration: { kind: 'duration' },
  error: { kind: 'error' },
  type: { kind: 'type' },
} as const satisfies Readonly<Record<string, CelType>>

/** `list(items)`. */
export function listOf(items: CelType): CelType {
  return { kind: 'list', items }
}

/** `map(keys, values)`. */
export function mapOf(keys: CelType, values: CelType): CelType {
  return { kind: 'map', keys, values }
}

/** A declared struct. */
export function objectType(name: string): CelType {
  return { kind: 'object', name }
}

/** A library's own type. */
export function opaque(name: string, ...parameters: readonly CelType[]): CelType {
  return { kind: 'opaque', name, parameters }
}

/** The name under which optional values are known. */
export const optionalTypeName = 'optional_type'

/** `optional_type(value)`. */
export function optionalOf(value: CelType): CelType {
  return opaque(optionalTypeName, value)
}

/** The type of a type's name: `type(int)`. */
export function typeOf(type: CelType): CelType {
  return { kind: 'type', of: type }
}

/** A type parameter, as `A` in `list(A)`. */
export function param(name: string): CelType {
  return { kind: 'param', name }
}

/** A type in cel-go's notation: `list(string)`, `map(string, int)`. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.items)})`
    case 'map':
      return `map(${formatType(type.keys)}, ${formatType(type.values)})`
    case 'object':
    case 'param':
      return type.name
    case 'opaque':
      return type.parameters.length === 0 ? type.name : `${type.name}(${type.parameters.map(formatType).join(', ')})`
    case 'type':
      return type.of === undefined ? 'type' : `type(${formatType(type.of)})`
    case 'error':
      return '!error!'
    default:
      return type.kind
  }
}

/** The name that `type(value)` prints and that identifiers of types carry: `list`, `google.protobuf.Timestamp`. */
export function typeName(type: CelType): string {
  switch (type.kind) {
    case 'object':
    case 'opaque':
    case 'param':
      return type.name
    case 'null':
      return 'null_type'
    case 'timestamp':
      return 'google.protobuf.Timestamp'
    case 'duration':
      return 'google.protobuf.Duration'
    case 'any':
      return 'google.protobuf.Any'
    default:
      return type.kind
  }
}
