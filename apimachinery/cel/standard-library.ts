/** The functions, operators and macros that every environment has. Overloads carry cel-go's ids. */
import { compare, equals } from './equality.ts'
import { CelError, noSuchOverload } from './errors.ts'
import type { FunctionDeclaration, Library, Overload } from './library.ts'
import { standardMacros } from './macros.ts'
import { add, type BinaryOperator, contains, divide, modulo, multiply, negate, subtract } from './operators.ts'
import { matches } from './patterns.ts'
import { sizeOf } from './runtime-type.ts'
import { conversions } from './standard-conversions.ts'
import { itemsOfSecond, matching, readBoth, readEqual, readFirst, readShorter, search } from './standard-costs.ts'
import { timeFunctions } from './standard-times.ts'
import { type CelType, celTypes, listOf, mapOf, param } from './types.ts'
import { type CelValue, isKind } from './values.ts'

const { bool, bytes, double, duration, int, string, timestamp, uint } = celTypes
const a = param('A')
const b = param('B')
const list = listOf(a)
const map = mapOf(a, b)

type Cost = NonNullable<Overload['cost']>

/** One overload of an operator; all of them share what it does. */
function overload(
  id: string,
  args: readonly CelType[],
  result: CelType,
  call: Overload['call'],
  cost?: Cost,
): Overload {
  const costs = cost === undefined ? {} : { cost, costNeedsResolution: true }
  return { id, member: false, typeParameters: ['A', 'B'], arguments: args, result, call, ...costs }
}

function method(id: string, args: readonly CelType[], result: CelType, call: Overload['call'], cost?: Cost): Overload {
  return { ...overload(id, args, result, call, cost), member: true }
}

type Signature = readonly [id: string, left: CelType, right: CelType, result: CelType, cost?: Cost]

function operator(name: string, apply: BinaryOperator, signatures: readonly Signature[]): FunctionDeclaration {
  const call: Overload['call'] = ([left = null, right = null]) => apply(left, right)
  return {
    name,
    overloads: signatures.map(([id, left, right, result, cost]) => overload(id, [left, right], result, call, cost)),
  }
}

/** The planner has its own code for these; their declarations serve the checker. */
function special(
  name: string,
  overloads: readonly (readonly [string, readonly CelType[], CelType])[],
): FunctionDeclaration {
  const call = (): CelValue => {
    throw noSuchOverload()
  }
  return { name, overloads: overloads.map(([id, args, result]) => overload(id, args, result, call)) }
}

const logic: readonly FunctionDeclaration[] = [
  special('_?_:_', [['conditional', [bool, a, a], a]]),
  special('_&&_', [['logical_and', [bool, bool], bool]]),
  special('_||_', [['logical_or', [bool, bool], bool]]),
  special('@not_strictly_false', [['not_strictly_false', [bool], bool]]),
  special('_[_]', [
    ['index_list', [list, int], a],
    ['index_map', [map, a], b],
  ]),
  { name: '!_', overloads: [overload('logical_not', [bool], bool, ([value]) => not(value))] },
  operator('_==_', equals, [['equals', a, a, bool, readEqual]]),
  operator('_!=_', (left, right) => !equals(left, right), [['not_equals', a, a, bool, readShorter]]),
  operator('@in', contains, [
    ['in_list', a, list, bool, itemsOfSecond],
    ['in_map', a, map, bool],
  ]),
]

function not(value: CelValue | undefined): boolean {
  if (typeof value !== 'boolean') throw noSuchOverload()
  return !value
}

const arithmetic: readonly FunctionDeclaration[] = [
  operator('_+_', add, [
    ['add_bytes', bytes, bytes, bytes, readBoth],
    ['add_double', double, double, double],
    ['add_duration_duration', duration, duration, duration],
    ['add_duration_timestamp', duration, timestamp, timestamp],
    ['add_timestamp_duration', timestamp, duration, timestamp],
    ['add_int64', int, int, int],
    ['add_list', list, list, list],
    ['add_string', string, string, string, readBoth],
    ['add_uint64', uint, uint, uint],
  ]),
  operator('_-_', subtract, [
    ['subtract_double', double, double, double],
    ['subtract_duration_duration', duration, duration, duration],
    ['subtract_int64', int, int, int],
    ['subtract_timestamp_duration', timestamp, duration, timestamp],
    ['subtract_timestamp_timestamp', timestamp, timestamp, duration],
    ['subtract_uint64', uint, uint, uint],
  ]),
  operator('_*_', multiply, numeric('multiply', [double, int, uint])),
  operator('_/_', divide, numeric('divide', [double, int, uint])),
  operator('_%_', modulo, numeric('modulo', [int, uint])),
  {
    name: '-_',
    overloads: [
      overload('negate_double', [double], double, ([value = null]) => negate(value)),
      overload('negate_int64', [int], int, ([value = null]) => negate(value)),
    ],
  },
]

function numeric(name: string, types: readonly CelType[]): readonly Signature[] {
  return types.map((type) => [`${name}_${idOf(type)}`, type, type, type])
}

function idOf(type: CelType): string {
  return type.kind === 'int' || type.kind === 'uint' ? `${type.kind}64` : type.kind
}

const comparable: readonly (readonly [CelType, CelType])[] = [
  [bool, bool],
  [int, int],
  [int, double],
  [int, uint],
  [uint, uint],
  [uint, double],
  [uint, int],
  [double, double],
  [double, int],
  [double, uint],
  [string, string],
  [bytes, bytes],
  [timestamp, timestamp],
  [duration, duration],
]

const ordered = new Set(['bigint', 'number', 'string', 'boolean'])
const orderedKinds = new Set(['uint', 'timestamp', 'duration'])

function comparison(name: string, id: string, holds: (order: number) => boolean): FunctionDeclaration {
  const apply: BinaryOperator = (left, right) => {
    if (!isOrdered(left)) throw new CelError(`no such overload: ${name}`)
    return holds(compare(left, right))
  }
  const signatures = comparable.map(([left, right]): Signature => {
    const suffix = left === right ? idOf(left) : `${idOf(left)}_${idOf(right)}`
    const isText = left.kind === 'string' || left.kind === 'bytes'
    return isText ? [`${id}_${suffix}`, left, right, bool, readShorter] : [`${id}_${suffix}`, left, right, bool]
  })
  return operator(name, apply, signatures)
}

function isOrdered(value: CelValue): boolean {
  if (typeof value !== 'object') return ordered.has(typeof value)
  return value !== null && (value instanceof Uint8Array || orderedKinds.has(value.kind))
}

const comparisons: readonly FunctionDeclaration[] = [
  comparison('_<_', 'less', (order) => order < 0),
  comparison('_<=_', 'less_equals', (order) => order <= 0),
  comparison('_>_', 'greater', (order) => order > 0),
  comparison('_>=_', 'greater_equals', (order) => order >= 0),
]

function size([value = null]: readonly CelValue[]): CelValue {
  const sized =
    typeof value === 'string' || value instanceof Uint8Array || isKind(value, 'list') || isKind(value, 'map')
  if (!sized) throw new CelError('no such overload: size')
  return BigInt(sizeOf(value))
}

function sizeOverloads(): readonly Overload[] {
  const sized = [bytes, list, map, string]
  return sized.flatMap((type) => [
    overload(`size_${type.kind}`, [type], int, size),
    method(`${type.kind}_size`, [type], int, size),
  ])
}

function textMethod(id: string, test: (text: string, part: string) => boolean, cost: Cost): Overload {
  return method(id, [string, string], bool, textCall(test), cost)
}

function textCall(test: (text: string, part: string) => boolean): Overload['call'] {
  return ([text, part]) => {
    if (typeof text !== 'string' || typeof part !== 'string') throw noSuchOverload()
    return test(text, part)
  }
}

const strings: readonly FunctionDeclaration[] = [
  { name: 'size', overloads: sizeOverloads() },
  { name: 'contains', overloads: [textMethod('contains_string', (text, part) => text.includes(part), search)] },
  {
    name: 'startsWith',
    overloads: [textMethod('starts_with_string', (text, part) => text.startsWith(part), readFirst)],
  },
  { name: 'endsWith', overloads: [textMethod('ends_with_string', (text, part) => text.endsWith(part), readFirst)] },
  {
    name: 'matches',
    overloads: [
      overload('matches', [string, string], bool, textCall(matches)),
      textMethod('matches_string', matches, matching),
    ],
  },
]

/** Operators, conversions, strings, times, and the macros. */
export const standardLibrary: Library = {
  name: 'standard',
  functions: [...logic, ...arithmetic, ...comparisons, ...strings, ...conversions, ...timeFunctions],
  macros: standardMacros,
  types: [
    celTypes.bool,
    celTypes.bytes,
    celTypes.double,
    celTypes.duration,
    celTypes.int,
    listOf(celTypes.dyn),
    mapOf(celTypes.dyn, celTypes.dyn),
    celTypes.null,
    celTypes.string,
    celTypes.timestamp,
    celTypes.type,
    celTypes.uint,
  ],
}
