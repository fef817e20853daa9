/** `[1, 2, 3].sum()`, `['a', 'b'].indexOf('b')`: Kubernetes' own functions on lists. Source: apiserver `pkg/cel/library/lists.go`. */
import { compare, equals } from '../equality.ts'
import { CelError } from '../errors.ts'
import { addRanges, exactly, multiplyRanges } from '../estimate-range.ts'
import { traversalCost } from '../estimate-standard.ts'
import type { ArgumentEstimate, Library, Overload, Range } from '../library.ts'
import { add } from '../operators.ts'
import { runtimeTypeName } from '../runtime-type.ts'
import { type CelType, celTypes, listOf, param, typeName } from '../types.ts'
import { type CelValue, duration, isKind, itemsOf, type ListValue, uint } from '../values.ts'
import type { CallCosts } from './call-costs.ts'
import { visitFirst } from './costs.ts'
import { listAt, method } from './declare.ts'

const { bool, bytes, double, int, string, timestamp } = celTypes

/** Types with an order, by the names that overloads have. */
export const comparableTypes: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ['int', int],
  ['uint', celTypes.uint],
  ['double', double],
  ['bool', bool],
  ['duration', celTypes.duration],
  ['timestamp', timestamp],
  ['string', string],
  ['bytes', bytes],
])

const orderedTypes = new Set([...comparableTypes.values()].map(typeName))

const zeros: ReadonlyMap<string, CelValue> = new Map<string, CelValue>([
  ['int', 0n],
  ['uint', uint(0n)],
  ['double', 0],
  ['duration', duration(0n)],
])

/** The order of two items, or 0 where there is none: upstream does not let a wrong item spoil the rest. */
function order(a: CelValue, b: CelValue): number {
  try {
    return compare(a, b)
  } catch (error) {
    if (error instanceof CelError) return 0
    throw error
  }
}

/** The items, of which the first tells whether the function knows their type at all. */
function itemsWithOrder(name: string, list: ListValue): readonly CelValue[] {
  const items = itemsOf(list)
  const first = items[0]
  if (first !== undefined && !orderedTypes.has(runtimeTypeName(first)))
    throw new CelError(`no such overload: ${name}(list)`)
  return items
}

function isSorted(list: ListValue): boolean {
  const items = itemsWithOrder('isSorted', list)
  return items.every((item, i) => i === 0 || order(items[i - 1] ?? null, item) <= 0)
}

/** The first of the items that no other one precedes, where `sign` is 1, or follows, where it is -1. */
function extreme(name: string, sign: number): (list: ListValue) => CelValue {
  return (list) => {
    const [first, ...rest] = itemsWithOrder(name, list)
    if (first === undefined) throw new CelError(`${name} called on empty list`)
    return rest.reduce((best: CelValue, item) => (order(best, item) * sign > 0 ? item : best), first)
  }
}

/** In a `dyn` list the first item decides what is added up. */
function sum(list: ListValue, zero: CelValue): CelValue {
  const items = itemsOf(list)
  const first = items[0]
  if (first === undefined) return zero
  const start = zeros.get(kindName(first))
  if (start === undefined) throw new CelError('no such overload: sum(list)')
  return items.reduce(add, start)
}

function kindName(value: CelValue): string {
  return isKind(value, 'duration') ? 'duration' : runtimeTypeName(value)
}

function indexOf(args: readonly CelValue[]): bigint {
  const wanted = args[1] ?? null
  return BigInt(itemsOf(listAt(args, 0)).findIndex((item) => equals(item, wanted)))
}

function lastIndexOf(args: readonly CelValue[]): bigint {
  const wanted = args[1] ?? null
  return BigInt(itemsOf(listAt(args, 0)).findLastIndex((item) => equals(item, wanted)))
}

/** One look at each item; at texts and bytes as long as they are. */
const costs: CallCosts = {
  cost: visitFirst,
  estimate: ([list]) => ({ cost: list === undefined ? exactly(1) : visitEstimate(list) }),
}

/** What is not known to be a list counts as a text. */
function visitEstimate({ type, size, items }: ArgumentEstimate): Range {
  if (type.kind !== 'list' && type.kind !== 'map') return traversalCost(size)
  const item = type.kind === 'list' ? type.items : type.keys
  const isText = item.kind === 'string' || item.kind === 'bytes'
  return multiplyRanges(size, isText ? addRanges(exactly(1), traversalCost(items())) : exactly(1))
}

function onList(id: string, items: CelType, result: CelType, call: (list: ListValue) => CelValue): Overload {
  return method(id, [listOf(items)], result, (args) => call(listAt(args, 0)), costs)
}

const comparable = [...comparableTypes]
const summable = [...zeros].map(([name, zero]) => ({ name, zero, type: comparableTypes.get(name) ?? int }))
const anything = param('A')

/** Functions on lists. */
export const listLibrary: Library = {
  name: 'kubernetes.lists',
  functions: [
    {
      name: 'isSorted',
      overloads: comparable.map(([name, type]) => onList(`list_${name}_is_sorted_bool`, type, bool, isSorted)),
    },
    {
      name: 'sum',
      overloads: summable.map(({ name, zero, type }) =>
        onList(`list_${name}_sum_${name}`, type, type, (list) => sum(list, zero)),
      ),
    },
    {
      name: 'max',
      overloads: comparable.map(([name, type]) => onList(`list_${name}_max_${name}`, type, type, extreme('max', -1))),
    },
    {
      name: 'min',
      overloads: comparable.map(([name, type]) => onList(`list_${name}_min_${name}`, type, type, extreme('min', 1))),
    },
    { name: 'indexOf', overloads: [method('list_a_index_of_int', [listOf(anything), anything], int, indexOf, costs)] },
    {
      name: 'lastIndexOf',
      overloads: [method('list_a_last_index_of_int', [listOf(anything), anything], int, lastIndexOf, costs)],
    },
  ],
}
