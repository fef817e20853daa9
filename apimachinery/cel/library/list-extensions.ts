/** `[3, 1].sort()`, `lists.range(3)`, `[[1], [2]].flatten()`. Source: cel-go `ext/lists.go`, version 3, which is the one with costs. */
import { compare, equals } from '../equality.ts'
import { CelError, CostLimitError } from '../errors.ts'
import { addRanges, exactly, multiplyRanges, scaleRange, unbounded, unknownSize } from '../estimate-range.ts'
import { createListCost, stringTraversalCost } from '../estimate-standard.ts'
import type { ArgumentEstimate, CallEstimate, FunctionDeclaration, Library, Overload, Range } from '../library.ts'
import { runtimeTypeName, sizeOf } from '../runtime-type.ts'
import { type CelType, celTypes, listOf, param, typeName } from '../types.ts'
import { type CelValue, isKind, itemsOf, type ListValue, listValue } from '../values.ts'
import { fn, intAt, listAt, method } from './declare.ts'
import { comparableTypes } from './lists.ts'
import { sortByMacro } from './sort-by-macro.ts'

/** A longer result could not be used within any cost limit; lists that hold one list many times would grow without end. */
const longestList = 2 ** 21

const { int, dyn } = celTypes
const anyList = listOf(param('T'))

/** A call and a new list of this size, read `factor` times. */
function allocation(factor: number, size: Range): CallEstimate {
  const cost = addRanges(addRanges(scaleRange(size, factor), exactly(1)), createListCost)
  return { cost, resultSize: size }
}

function allocationCost(factor: number, size: number): number {
  return Math.trunc(size * factor) + 1 + createListCost.min
}

function literalInt(arg: ArgumentEstimate | undefined, otherwise: number): number {
  const value = arg?.literal
  return typeof value === 'bigint' ? Math.max(Number(value), 0) : otherwise
}

function slice(args: readonly CelValue[]): CelValue {
  const list = listAt(args, 0)
  const [start, end] = [intAt(args, 1), intAt(args, 2)]
  const call = `cannot slice(${start}, ${end})`
  if (start < 0n || end < 0n) throw new CelError(`${call}, negative indexes not supported`)
  if (start > end) throw new CelError(`${call}, start index must be less than or equal to end index`)
  if (list.size < end) throw new CelError(`${call}, list is length ${list.size}`)
  return listValue(itemsOf(list).slice(Number(start), Number(end)))
}

/** From the literal ends. A start behind the end wraps around upstream's uint64. */
function estimateSlice([list, start, end]: readonly ArgumentEstimate[]): CallEstimate {
  const size = literalInt(end, list?.size.max ?? unbounded) - literalInt(start, 0)
  return allocation(1, exactly(size < 0 ? unbounded + size : size))
}

/** The numbers from 0 are made when they are asked for, so that a huge range costs nothing before the limit stops it. */
function range(args: readonly CelValue[]): ListValue {
  const end = intAt(args, 0)
  return { kind: 'list', size: end > 0n ? Number(end) : 0, get: (index) => BigInt(index) }
}

function flatten(list: ListValue, depth: bigint, into: CelValue[] = []): CelValue[] {
  if (depth < 0n) throw new CelError('level must be non-negative')
  for (const item of itemsOf(list)) {
    if (depth > 0n && isKind(item, 'list')) flatten(item, depth - 1n, into)
    else into.push(item)
    if (into.length > longestList) throw new CostLimitError()
  }
  return into
}

function estimateFlatten([list, depth]: readonly ArgumentEstimate[]): CallEstimate {
  return allocation(depth === undefined ? 1 : literalInt(depth, unbounded), list?.size ?? unknownSize)
}

function distinct(args: readonly CelValue[]): CelValue {
  const texts = new Set<string>()
  const others: CelValue[] = []
  const isNew = (item: CelValue): boolean => {
    if (typeof item === 'string') {
      const before = texts.size
      return texts.add(item).size > before
    }
    if (others.some((other) => equals(item, other))) return false
    others.push(item)
    return true
  }
  return listValue(itemsOf(listAt(args, 0)).filter(isNew))
}

/** The items in the order of their keys. */
function sortByKeys(list: ListValue, keys: ListValue): CelValue {
  if (list.size !== keys.size) {
    const sizes = `${list.size} and ${keys.size} elements respectively`
    throw new CelError(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${sizes}`,
    )
  }
  const keyed = itemsOf(keys).map((key, i) => ({ key, item: list.get(i) }))
  checkKeys(itemsOf(keys))
  return listValue(keyed.toSorted((a, b) => compareKeys(a.key, b.key)).map(({ item }) => item))
}

const comparableNames = new Set([...comparableTypes.values()].map(typeName))

function checkKeys(keys: readonly CelValue[]): void {
  const [first, ...rest] = keys
  if (first === undefined) return
  const type = runtimeTypeName(first)
  if (!comparableNames.has(type)) throw new CelError('list elements must be comparable')
  if (rest.some((key) => runtimeTypeName(key) !== type)) throw new CelError('list elements must have the same type')
}

/** What is no number has no place; it stays where it is. */
function compareKeys(a: CelValue, b: CelValue): number {
  return Number.isNaN(a) || Number.isNaN(b) ? 0 : compare(a, b)
}

/** Every item is compared with every other. */
function selfComparisonFactor(type: CelType): number {
  return type.kind === 'string' || type.kind === 'bytes' ? 2 + stringTraversalCost : 2
}

function selfComparisonCost(list: CelValue | undefined): number {
  if (!isKind(list, 'list') || list.size === 0) return allocationCost(2, 0)
  const first = list.get(0)
  const isText = typeof first === 'string' || first instanceof Uint8Array
  return allocationCost(isText ? 2 + stringTraversalCost : 2, list.size * list.size)
}

function estimateSelfComparison(list: ArgumentEstimate | undefined, factor: number): CallEstimate {
  const size = list?.size ?? unknownSize
  return allocation(factor, multiplyRanges(size, size))
}

function sortOverload([name, type]: readonly [string, CelType]): Overload {
  const items = listOf(type)
  return method(
    `list_${overloadName(name)}_sort`,
    [items],
    items,
    (args) => sortByKeys(listAt(args, 0), listAt(args, 0)),
    {
      cost: ([list]) => selfComparisonCost(list),
      costNeedsResolution: true,
      costFirst: true,
      estimate: ([list]) => estimateSelfComparison(list, selfComparisonFactor(type)),
    },
  )
}

function sortByOverload([name, type]: readonly [string, CelType]): Overload {
  const id = `list_${overloadName(name)}_sortByAssociatedKeys`
  return method(id, [anyList, listOf(type)], anyList, (args) => sortByKeys(listAt(args, 0), listAt(args, 1)), {
    cost: ([, keys]) => selfComparisonCost(keys),
    costNeedsResolution: true,
    costFirst: true,
    estimate: ([, keys]) => estimateSelfComparison(keys, selfComparisonFactor(type)),
  })
}

/** Upstream uses the full names of types here. */
function overloadName(name: string): string {
  return typeName(comparableTypes.get(name) ?? dyn)
}

const resultCosts = { cost: (_: readonly CelValue[], result: CelValue) => allocationCost(1, sizeOf(result)) }

const flattenCosts = {
  cost: ([list, depth]: readonly CelValue[]) =>
    allocationCost(typeof depth === 'bigint' ? Number(depth) : 1, sizeOf(list)),
  costNeedsResolution: true,
  estimate: estimateFlatten,
}

function flattenable(args: readonly CelValue[]): ListValue {
  const [list, depth] = args
  if (isKind(list, 'list')) return list
  const names = [list, depth].map((arg) => (arg === undefined ? '' : runtimeTypeName(arg)))
  throw new CelError(`no such overload: ${names[0]}.flatten(${names[1]})`)
}

const functions: readonly FunctionDeclaration[] = [
  {
    name: 'slice',
    overloads: [
      method('list_slice', [anyList, int, int], anyList, slice, {
        ...resultCosts,
        costNeedsResolution: true,
        estimate: estimateSlice,
      }),
    ],
  },
  {
    name: 'flatten',
    overloads: [
      method(
        'list_flatten',
        [listOf(anyList)],
        anyList,
        (args) => listValue(flatten(flattenable(args), 1n)),
        flattenCosts,
      ),
      method(
        'list_flatten_int',
        [listOf(dyn), int],
        listOf(dyn),
        (args) => listValue(flatten(flattenable(args), intAt(args, 1))),
        flattenCosts,
      ),
    ],
  },
  { name: 'sort', overloads: [...comparableTypes].map(sortOverload) },
  { name: '@sortByAssociatedKeys', overloads: [...comparableTypes].map(sortByOverload) },
  {
    name: 'lists.range',
    overloads: [
      fn('lists_range', [int], listOf(int), range, {
        ...resultCosts,
        costNeedsResolution: true,
        estimate: ([end]) => allocation(1, exactly(literalInt(end, unbounded))),
      }),
    ],
  },
  {
    name: 'reverse',
    overloads: [
      method('list_reverse', [anyList], anyList, (args) => listValue(itemsOf(listAt(args, 0)).toReversed()), {
        ...resultCosts,
        costNeedsResolution: true,
        estimate: ([list]) => allocation(1, list?.size ?? unknownSize),
      }),
    ],
  },
  {
    name: 'distinct',
    overloads: [
      method('list_distinct', [anyList], anyList, distinct, {
        cost: ([list]) => selfComparisonCost(list),
        costNeedsResolution: true,
        costFirst: true,
        estimate: ([list]) => estimateSelfComparison(list, 2),
      }),
    ],
  },
]

/** Functions and the macro `sortBy` on lists. */
export const listExtensions: Library = { name: 'cel.lib.ext.lists', functions, macros: [sortByMacro] }
