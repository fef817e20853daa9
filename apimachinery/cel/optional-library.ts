/**
 * Values that may be absent: `optional.of(x)`, `a.?b`, `x.orValue(y)`, `x.optMap(v, …)`.
 * Source: cel-go `cel/library.go`, version 2 of the library, which Kubernetes has.
 */
import type { Expression } from './ast.ts'
import { CelError, noSuchOverload } from './errors.ts'
import type { FunctionDeclaration, Library, Macro, Overload } from './library.ts'
import { type MacroContext, MacroError } from './macro.ts'
import { isZero } from './runtime-type.ts'
import { type CelType, celTypes, listOf, mapOf, optionalOf, param } from './types.ts'
import {
  type CelValue,
  isKind,
  itemsOf,
  type ListValue,
  listValue,
  type OptionalValue,
  optionalNone,
  optionalValue,
} from './values.ts'

const { bool, dyn, int, string } = celTypes
const key = param('K')
const value = param('V')
const maybe = optionalOf(value)
const list = listOf(value)
const map = mapOf(key, value)

function overload(id: string, args: readonly CelType[], result: CelType, call: Overload['call']): Overload {
  return { id, member: false, typeParameters: ['K', 'V'], arguments: args, result, call }
}

function method(id: string, args: readonly CelType[], result: CelType, call: Overload['call']): Overload {
  return { ...overload(id, args, result, call), member: true }
}

/** The planner has its own code for these. */
const special: Overload['call'] = () => {
  throw noSuchOverload()
}

function optionalAt(args: readonly CelValue[]): OptionalValue {
  const [first] = args
  if (!isKind(first, 'optional')) throw noSuchOverload()
  return first
}

function listAt(args: readonly CelValue[]): ListValue {
  const [first] = args
  if (!isKind(first, 'list')) throw noSuchOverload()
  return first
}

function presentValue(args: readonly CelValue[]): CelValue {
  const optional = optionalAt(args)
  if (optional.value === undefined) throw new CelError('optional.none() dereference')
  return optional.value
}

function itemAt(items: ListValue, index: number): CelValue {
  return index >= 0 && index < items.size ? optionalValue(items.get(index)) : optionalNone
}

function unwrap(args: readonly CelValue[]): CelValue {
  const present: CelValue[] = []
  for (const item of itemsOf(listAt(args))) {
    if (!isKind(item, 'optional')) throw new CelError('value is not optional')
    if (item.value !== undefined) present.push(item.value)
  }
  return listValue(present)
}

const functions: readonly FunctionDeclaration[] = [
  { name: 'optional.of', overloads: [overload('optional_of', [value], maybe, ([x = null]) => optionalValue(x))] },
  {
    name: 'optional.ofNonZeroValue',
    overloads: [
      overload('optional_ofNonZeroValue', [value], maybe, ([x = null]) =>
        isZero(x) ? optionalNone : optionalValue(x),
      ),
    ],
  },
  { name: 'optional.none', overloads: [overload('optional_none', [], maybe, () => optionalNone)] },
  { name: 'value', overloads: [method('optional_value', [maybe], value, presentValue)] },
  {
    name: 'hasValue',
    overloads: [method('optional_hasValue', [maybe], bool, (args) => optionalAt(args).value !== undefined)],
  },
  { name: 'or', overloads: [method('optional_or_optional', [maybe, maybe], maybe, special)] },
  { name: 'orValue', overloads: [method('optional_orValue_value', [maybe, value], value, special)] },
  { name: '_?._', overloads: [overload('select_optional_field', [dyn, string], maybe, special)] },
  {
    name: '_[?_]',
    overloads: [
      overload('list_optindex_optional_int', [list, int], maybe, special),
      overload('optional_list_optindex_optional_int', [optionalOf(list), int], maybe, special),
      overload('map_optindex_optional_value', [map, key], maybe, special),
      overload('optional_map_optindex_optional_value', [optionalOf(map), key], maybe, special),
    ],
  },
  {
    name: '_[_]',
    overloads: [
      overload('optional_list_index_int', [optionalOf(list), int], maybe, special),
      overload('optional_map_index_value', [optionalOf(map), key], maybe, special),
    ],
  },
  { name: 'first', overloads: [method('list_first', [list], maybe, (args) => itemAt(listAt(args), 0))] },
  {
    name: 'last',
    overloads: [method('list_last', [list], maybe, (args) => itemAt(listAt(args), listAt(args).size - 1))],
  },
  { name: 'optional.unwrap', overloads: [overload('optional_unwrap', [listOf(maybe)], list, unwrap)] },
  { name: 'unwrapOpt', overloads: [method('optional_unwrapOpt', [listOf(maybe)], list, unwrap)] },
]

/** `target.name(v, expression)`: the expression with `v` standing for the value, if there is one. */
function mapping(name: string, wrap: (context: MacroContext, mapped: Expression) => Expression): Macro {
  return {
    name,
    receiver: true,
    argumentCount: 2,
    expand: (context, target, [variable, expression]) => {
      if (target === undefined || variable === undefined || expression === undefined) return undefined
      if (variable.kind !== 'identifier') {
        throw new MacroError(variable.id, `${name}() variable name must be a simple identifier`)
      }
      const test = context.memberCall('hasValue', target)
      const mapped = bind(context, variable.name, context.memberCall('value', context.copy(target)), expression)
      return context.call('_?_:_', test, wrap(context, mapped), context.call('optional.none'))
    },
  }
}

/** An expression with a local variable: a loop over nothing whose accumulator is the variable. */
export function bind(context: MacroContext, name: string, initial: Expression, expression: Expression): Expression {
  return context.comprehension({
    range: context.list(),
    variable: '#unused',
    accumulator: name,
    initial,
    condition: context.literal(false),
    step: context.identifier(name),
    result: expression,
  })
}

/** Optional values, their functions and macros. */
export const optionalLibrary: Library = {
  name: 'optional',
  functions,
  macros: [
    mapping('optMap', (context, mapped) => context.call('optional.of', mapped)),
    mapping('optFlatMap', (_, mapped) => mapped),
  ],
  types: [optionalOf(dyn)],
}
