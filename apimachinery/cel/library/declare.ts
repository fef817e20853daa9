/** Short ways to declare overloads and to read their arguments. */
import { noSuchOverload } from '../errors.ts'
import type { Overload } from '../library.ts'
import type { CelType } from '../types.ts'
import { type CelValue, isKind, type ListValue, type OpaqueValue } from '../values.ts'

type Costs = Pick<Overload, 'cost' | 'costFirst' | 'costNeedsResolution' | 'estimate'>
type Call = Overload['call']

/** `name(a, b)`. */
export function fn(
  id: string,
  parameters: readonly CelType[],
  result: CelType,
  call: Call,
  costs: Costs = {},
): Overload {
  return { id, member: false, ...typeParametersOf(parameters), arguments: parameters, result, call, ...costs }
}

/** `a.name(b)`; the receiver is the first of `parameters`. */
export function method(
  id: string,
  parameters: readonly CelType[],
  result: CelType,
  call: Call,
  costs: Costs = {},
): Overload {
  return { ...fn(id, parameters, result, call, costs), member: true }
}

function typeParametersOf(types: readonly CelType[]): { typeParameters?: readonly string[] } {
  const names = new Set(types.flatMap(namesIn))
  return names.size === 0 ? {} : { typeParameters: [...names] }
}

function namesIn(type: CelType): readonly string[] {
  switch (type.kind) {
    case 'param':
      return [type.name]
    case 'list':
      return namesIn(type.items)
    case 'map':
      return [...namesIn(type.keys), ...namesIn(type.values)]
    default:
      return []
  }
}

/** The argument, which must be a string. */
export function stringAt(args: readonly CelValue[], index: number): string {
  const value = args[index]
  if (typeof value !== 'string') throw noSuchOverload()
  return value
}

/** The argument, which must be an int. */
export function intAt(args: readonly CelValue[], index: number): bigint {
  const value = args[index]
  if (typeof value !== 'bigint') throw noSuchOverload()
  return value
}

/** The argument, which must be a bool. */
export function boolAt(args: readonly CelValue[], index: number): boolean {
  const value = args[index]
  if (typeof value !== 'boolean') throw noSuchOverload()
  return value
}

/** The argument, which must be a list. */
export function listAt(args: readonly CelValue[], index: number): ListValue {
  const value = args[index]
  if (!isKind(value, 'list')) throw noSuchOverload()
  return value
}

/** The argument, which must be one of a library's own values. */
export function ownAt<Value extends OpaqueValue>(
  args: readonly CelValue[],
  index: number,
  type: abstract new (...parts: never[]) => Value,
): Value {
  const value = args[index]
  if (!(value instanceof type)) throw noSuchOverload()
  return value
}
