/**
 * What an expression can cost, before it runs: the least and the most, from the sizes that schemas allow.
 * API servers refuse CRD rules by these numbers, so they are upstream's, oddities included.
 * The walk keeps, per node, the path it came from (`self.spec.items.@items`) and the size it is known to have; both feed the
 * estimates of calls further up. Source: cel-go `checker/cost.go`; Kubernetes switches off the cost of `has()`.
 */
import type { CallExpression, CheckedExpression, ComprehensionExpression, Expression, SelectExpression } from './ast.ts'
import type { Environment } from './environment.ts'
import { addRanges, exactly, multiplyRanges, uniteRanges, unknownSize } from './estimate-range.ts'
import {
  callCost,
  createListCost,
  createMapCost,
  createStructCost,
  equalityEstimate,
  standardEstimate,
} from './estimate-standard.ts'
import type { ArgumentEstimate, CallEstimate, Range } from './library.ts'
import { type CelType, celTypes, optionalTypeName } from './types.ts'

/** Where a value comes from: a variable, then names of fields, `@items`, `@indices`, `@keys` or `@values`. Empty: from nowhere. */
export type SizePath = readonly string[]

/** Bounds of sizes that a schema knows; `undefined` where it knows none. Asked only for what the expression does not tell. */
export type SizeEstimator = (path: SizePath, type: CelType) => Range | undefined

/** An estimator that knows nothing. */
export const noSizes: SizeEstimator = () => undefined

/** The least and the most that the expression can cost. */
export function estimateCost(environment: Environment, checked: CheckedExpression, sizes: SizeEstimator): Range {
  const walk: Walk = {
    environment,
    checked,
    sizes,
    paths: new Map(),
    locals: new Map(),
    known: new Map(),
    entries: new Map(),
  }
  return costOf(walk, checked.expression)
}

type Entries = { readonly kind: 'list' | 'map'; readonly key: Range; readonly value: Range }

type Local = { readonly path: SizePath; readonly size?: Range | undefined; readonly entries?: Entries | undefined }

type Walk = {
  readonly environment: Environment
  readonly checked: CheckedExpression
  readonly sizes: SizeEstimator
  readonly paths: Map<number, SizePath>
  /** By name, the innermost last. */
  readonly locals: Map<string, Local[]>
  readonly known: Map<number, Range>
  /** Sizes of the keys and values inside lists and maps. */
  readonly entries: Map<number, Entries>
}

const nothing = exactly(0)
const one = exactly(1)

function costOf(walk: Walk, node: Expression): Range {
  switch (node.kind) {
    case 'literal':
      return nothing
    case 'identifier':
      walk.paths.set(node.id, localOf(walk, node.name)?.path ?? [node.name])
      return one
    case 'select':
      return costOfSelect(walk, node)
    case 'call':
      return costOfCall(walk, node)
    case 'list':
      return costOfList(walk, node.id, node.elements)
    case 'map':
      return costOfMap(walk, node)
    case 'struct':
      return addRanges(sumOf(node.fields.map((field) => costOf(walk, field.value))), createStructCost)
    case 'comprehension':
      return isBinding(node) ? costOfBinding(walk, node) : costOfLoop(walk, node)
  }
}

function sumOf(costs: readonly Range[]): Range {
  return costs.reduce(addRanges, nothing)
}

function costOfSelect(walk: Walk, { id, operand, field, test }: SelectExpression): Range {
  const inner = costOf(walk, operand)
  if (test) return inner
  walk.paths.set(id, [...pathOf(walk, operand), field])
  const { kind } = typeOfNode(walk, operand)
  return kind === 'map' || kind === 'object' || kind === 'param' ? addRanges(inner, one) : inner
}

function costOfList(walk: Walk, id: number, elements: readonly Expression[]): Range {
  const cost = sumOf(elements.map((element) => costOf(walk, element)))
  walk.entries.set(id, { kind: 'list', key: one, value: unionOfSizes(walk, elements) })
  return addRanges(cost, createListCost)
}

function costOfMap(walk: Walk, { id, entries }: Extract<Expression, { kind: 'map' }>): Range {
  const cost = sumOf(entries.flatMap(({ key, value }) => [costOf(walk, key), costOf(walk, value)]))
  const keys = entries.map(({ key }) => key)
  const values = entries.map(({ value }) => value)
  walk.entries.set(id, { kind: 'map', key: unionOfSizes(walk, keys), value: unionOfSizes(walk, values) })
  return addRanges(cost, createMapCost)
}

function unionOfSizes(walk: Walk, nodes: readonly Expression[]): Range {
  if (nodes.length === 0) return nothing
  return nodes.map((node) => sizeOrUnknown(walk, node)).reduce(uniteRanges)
}

function costOfCall(walk: Walk, node: CallExpression): Range {
  if (node.function === 'dyn') return costOfDyn(walk, node)
  const argCosts = node.args.map((arg) => costOf(walk, arg))
  const args = node.args.map((arg) => argumentOf(walk, arg))
  const reference = walk.checked.references.get(node.id)
  const overloads = reference?.type === 'function' ? reference.overloads : []
  if (overloads.length === 0) return nothing
  const targetCost = node.target === undefined ? nothing : costOf(walk, node.target)
  const all = node.target === undefined ? args : [argumentOf(walk, node.target), ...args]
  const call: Call = { node, args: all, argCosts }
  const estimates = overloads.map((overload) => estimateOf(walk, call, overload))
  recordSize(walk, node, overloads, estimates)
  return addRanges(targetCost, estimates.map(({ cost }) => cost).reduce(uniteRanges))
}

type Call = {
  readonly node: CallExpression
  /** With the receiver. */
  readonly args: readonly ArgumentEstimate[]
  /** Without the receiver. */
  readonly argCosts: readonly Range[]
}

/** `dyn(x)` only switches off type checks: what is known of `x` stays known. */
function costOfDyn(walk: Walk, node: CallExpression): Range {
  const [arg] = node.args
  if (arg === undefined) return one
  const cost = addRanges(one, costOf(walk, arg))
  copySizes(walk, node, arg)
  return cost
}

function estimateOf(walk: Walk, { node, args, argCosts }: Call, overload: string): CallEstimate {
  if (overload === 'logical_and' || overload === 'logical_or') return shortCircuit(argCosts)
  if (overload === 'conditional') return conditional(walk, node, args, argCosts)
  if (overload.startsWith('add_')) keepEntries(walk, node, node.args)
  const own = libraryEstimate(walk, node.function, overload)?.(args)
  const estimate = own ?? equalityEstimate(overload, args) ?? standardEstimate(overload, args) ?? { cost: callCost }
  return { ...estimate, cost: addRanges(estimate.cost, sumOf(argCosts)) }
}

function libraryEstimate(walk: Walk, name: string, id: string) {
  return walk.environment.functions.get(name)?.overloads.find((overload) => overload.id === id)?.estimate
}

function shortCircuit([left = nothing, right = nothing]: readonly Range[]): CallEstimate {
  return { cost: { min: left.min, max: addRanges(left, right).max } }
}

function conditional(
  walk: Walk,
  node: CallExpression,
  [, then, otherwise]: readonly ArgumentEstimate[],
  [condition = nothing, thenCost = nothing, otherwiseCost = nothing]: readonly Range[],
): CallEstimate {
  keepEntries(walk, node, node.args.slice(1))
  return {
    cost: addRanges(condition, uniteRanges(thenCost, otherwiseCost)),
    resultSize: uniteRanges(then?.size ?? unknownSize, otherwise?.size ?? unknownSize),
  }
}

/** A concatenation or a choice has entries of the sizes of both sides, when both are known. */
function keepEntries(walk: Walk, node: Expression, [left, right]: readonly Expression[]): void {
  const a = left === undefined ? undefined : entriesOf(walk, left)
  const b = right === undefined ? undefined : entriesOf(walk, right)
  if (a === undefined || b === undefined) return
  walk.entries.set(node.id, { kind: a.kind, key: uniteRanges(a.key, b.key), value: uniteRanges(a.value, b.value) })
}

function recordSize(
  walk: Walk,
  node: CallExpression,
  ids: readonly string[],
  estimates: readonly CallEstimate[],
): void {
  let size: Range | undefined
  for (const [i, { resultSize }] of estimates.entries()) {
    if (resultSize !== undefined) size = size === undefined ? resultSize : uniteRanges(size, resultSize)
    size = recordIndexed(walk, node, ids[i] ?? '', size) ?? computeSize(walk, node)
  }
  if (size !== undefined) walk.known.set(node.id, size)
}

/** `list[i]` and `map[k]` go one step down the path. */
function recordIndexed(walk: Walk, node: CallExpression, overload: string, size: Range | undefined): Range | undefined {
  const [container] = node.args
  if (container === undefined || (overload !== 'index_list' && overload !== 'index_map')) return size
  walk.paths.set(node.id, [...pathOf(walk, container), overload === 'index_list' ? '@items' : '@values'])
  return entriesOf(walk, container)?.value
}

/** `cel.bind` and `sortBy` expand to a loop that never runs, whose accumulator is the bound variable. */
function isBinding({ range, condition, accumulator }: ComprehensionExpression): boolean {
  const emptyRange = range.kind === 'list' && range.elements.length === 0
  const neverRuns = condition.kind === 'literal' && condition.value === false
  return emptyRange && neverRuns && accumulator !== '__result__'
}

function costOfBinding(walk: Walk, node: ComprehensionExpression): Range {
  const before = addRanges(costOf(walk, node.range), costOf(walk, node.initial))
  pushBound(walk, node.accumulator, node.initial)
  const cost = addRanges(before, costOf(walk, node.result))
  pop(walk, node.accumulator)
  copySizes(walk, node, node.result)
  return cost
}

function costOfLoop(walk: Walk, node: ComprehensionExpression): Range {
  const before = addRanges(costOf(walk, node.range), costOf(walk, node.initial))
  pushBound(walk, node.accumulator, node.initial)
  const names = pushLoopVariables(walk, node)
  const perTurn = addRanges(costOf(walk, node.condition), costOf(walk, node.step))
  for (const name of names) pop(walk, name)
  const after = costOf(walk, node.result)
  pop(walk, node.accumulator)
  const turns = sizeOrUnknown(walk, node.range)
  recordLoopSize(walk, node, turns)
  return sumOf([before, after, multiplyRanges(turns, perTurn)])
}

/** What a loop makes is as large as its start when that is a scalar, and at most one item per turn when it is a list or map. */
function recordLoopSize(walk: Walk, node: ComprehensionExpression, turns: Range): void {
  const { kind } = node.initial
  if (kind === 'literal') {
    const size = computeSize(walk, node.initial)
    if (size !== undefined) walk.known.set(node.id, size)
  } else if (kind === 'list' || kind === 'map') {
    walk.known.set(node.id, turns)
    const entries = entriesOf(walk, node.step)
    if (entries !== undefined) walk.entries.set(node.id, entries)
  }
}

function pushLoopVariables(walk: Walk, { range, variable, variable2 }: ComprehensionExpression): readonly string[] {
  const entries = entriesOf(walk, range)
  const path = pathOf(walk, range)
  const isList = (entries?.kind ?? typeOfNode(walk, range).kind) === 'list'
  const key = { path: [...path, isList ? '@indices' : '@keys'], size: entries?.key }
  const value = { path: [...path, isList ? '@items' : '@values'], size: entries?.value }
  if (variable2 === undefined) {
    push(walk, variable, isList ? value : key)
    return [variable]
  }
  push(walk, variable, key)
  push(walk, variable2, value)
  return [variable, variable2]
}

function pushBound(walk: Walk, name: string, value: Expression): void {
  push(walk, name, {
    path: pathOf(walk, value),
    size: computeSize(walk, value),
    entries: entriesOf(walk, value),
  })
}

function push(walk: Walk, name: string, local: Local): void {
  const stack = walk.locals.get(name)
  if (stack === undefined) walk.locals.set(name, [local])
  else stack.push(local)
}

function pop(walk: Walk, name: string): void {
  walk.locals.get(name)?.pop()
}

function localOf(walk: Walk, name: string): Local | undefined {
  return walk.locals.get(name)?.at(-1)
}

function typeOfNode(walk: Walk, node: Expression): CelType {
  return walk.checked.types.get(node.id) ?? celTypes.dyn
}

function pathOf(walk: Walk, node: Expression): SizePath {
  const local = node.kind === 'identifier' ? localOf(walk, node.name) : undefined
  return local?.path ?? walk.paths.get(node.id) ?? []
}

function entriesOf(walk: Walk, node: Expression): Entries | undefined {
  const known = walk.entries.get(node.id)
  if (known !== undefined) return known
  return node.kind === 'identifier' ? localOf(walk, node.name)?.entries : undefined
}

function copySizes(walk: Walk, to: Expression, from: Expression): void {
  const size = computeSize(walk, from)
  if (size !== undefined) walk.known.set(to.id, size)
  const entries = entriesOf(walk, from)
  if (entries !== undefined) walk.entries.set(to.id, entries)
}

function sizeOrUnknown(walk: Walk, node: Expression): Range {
  return computeSize(walk, node) ?? unknownSize
}

function computeSize(walk: Walk, node: Expression): Range | undefined {
  const known = walk.known.get(node.id) ?? writtenSize(node)
  if (known !== undefined) return known
  const type = typeOfNode(walk, node)
  const bound = walk.sizes(pathOf(walk, node), type)
  if (bound !== undefined) {
    walk.known.set(node.id, bound)
    return bound
  }
  if (isScalar(type)) return one
  return node.kind === 'identifier' ? localOf(walk, node.name)?.size : undefined
}

/** The size of what the source spells out. */
function writtenSize(node: Expression): Range | undefined {
  if (node.kind === 'list') return exactly(node.elements.length)
  if (node.kind === 'map') return exactly(node.entries.length)
  if (node.kind !== 'literal') return undefined
  const { value } = node
  if (typeof value === 'string') return exactly([...value].length)
  return value instanceof Uint8Array ? exactly(value.length) : one
}

function isScalar(type: CelType): boolean {
  switch (type.kind) {
    case 'bool':
    case 'double':
    case 'duration':
    case 'int':
    case 'timestamp':
    case 'uint':
      return true
    case 'opaque':
      return type.name === optionalTypeName && isScalar(type.parameters[0] ?? celTypes.dyn)
    default:
      return false
  }
}

function argumentOf(walk: Walk, node: Expression): ArgumentEstimate {
  const type = typeOfNode(walk, node)
  const size = computeSize(walk, node)
  const path = pathOf(walk, node)
  return {
    type,
    size: size ?? unknownSize,
    sizeKnown: size !== undefined,
    ...(node.kind === 'literal' ? { literal: node.value } : {}),
    items: () => itemsSize(walk, path, type),
  }
}

function itemsSize(walk: Walk, path: SizePath, type: CelType): Range {
  const items = type.kind === 'list' ? type.items : type.kind === 'map' ? type.keys : undefined
  if (items === undefined) return unknownSize
  return walk.sizes(path.length === 0 ? [] : [...path, '@items'], items) ?? unknownSize
}
