/** Static costs of the functions and operators that every environment has, by cel-go's names of overloads. Source: cel-go `checker/cost.go`. */
import { addRanges, exactly, multiplyRanges, scaleRange, unbounded, unknownSize } from './estimate-range.ts'
import type { ArgumentEstimate, CallEstimate, Range } from './library.ts'
import type { CelType } from './types.ts'

/** What reading one character costs. */
export const stringTraversalCost = 0.1
/** What one character of a pattern costs per unit of text. */
export const patternCost = 0.25

/** A call that does not depend on sizes. */
export const callCost = exactly(1)
/** `[…]` besides its elements. */
export const createListCost = exactly(10)
/** `{…}` besides its entries. */
export const createMapCost = exactly(30)
/** `Name{…}` besides its fields. */
export const createStructCost = exactly(40)

type Estimate = (args: readonly ArgumentEstimate[]) => CallEstimate

/** The estimate of a standard overload; `undefined` for those that cost 1. */
export function standardEstimate(overload: string, args: readonly ArgumentEstimate[]): CallEstimate | undefined {
  return standard.get(overload)?.(args)
}

const standard: ReadonlyMap<string, Estimate> = new Map<string, Estimate>([
  // Every character may become four bytes, and four bytes one character.
  ['string_to_bytes', ([arg]) => traversal(arg, ({ min, max }) => ({ min, max: Math.min(max * 4, unbounded) }))],
  ['bytes_to_string', ([arg]) => traversal(arg, ({ min, max }) => ({ min: Math.floor(min / 4), max }))],
  ['starts_with_string', ([, prefix]) => traversal(prefix)],
  ['ends_with_string', ([, suffix]) => traversal(suffix)],
  ['in_list', ([, list]) => ({ cost: sizeOf(list) })],
  ['matches_string', ([text, pattern]) => ({ cost: matchingCost(sizeOf(text), sizeOf(pattern)) })],
  [
    'contains_string',
    ([text, part]) => ({ cost: multiplyRanges(traversalCost(sizeOf(text)), traversalCost(sizeOf(part))) }),
  ],
  ['add_list', ([left, right]) => ({ cost: callCost, resultSize: addRanges(sizeOf(left), sizeOf(right)) })],
  ['add_string', concatenation],
  ['add_bytes', concatenation],
  ...[
    'less_string',
    'greater_string',
    'less_equals_string',
    'greater_equals_string',
    'less_bytes',
    'greater_bytes',
    'less_equals_bytes',
    'greater_equals_bytes',
    'equals',
    'not_equals',
  ].map((id): [string, Estimate] => [id, comparison]),
])

function sizeOf(arg: ArgumentEstimate | undefined): Range {
  return arg?.size ?? unknownSize
}

/** The cost of reading a text once. */
export function traversalCost(size: Range): Range {
  return scaleRange(size, stringTraversalCost)
}

/** The cost of holding a text against a pattern; one is added so that an empty text does not make the pattern free. */
export function matchingCost(text: Range, pattern: Range): Range {
  return multiplyRanges(traversalCost(addRanges(text, exactly(1))), scaleRange(pattern, patternCost))
}

function traversal(arg: ArgumentEstimate | undefined, resultSize?: (size: Range) => Range): CallEstimate {
  const size = sizeOf(arg)
  const cost = traversalCost(size)
  return resultSize === undefined ? { cost } : { cost, resultSize: resultSize(size) }
}

function concatenation([left, right]: readonly ArgumentEstimate[]): CallEstimate {
  const resultSize = addRanges(sizeOf(left), sizeOf(right))
  return { cost: traversalCost(resultSize), resultSize }
}

/** A comparison ends with the shorter side, and may end at once. */
function comparison([left, right]: readonly ArgumentEstimate[]): CallEstimate {
  const most = Math.min(sizeOf(left).max, sizeOf(right).max)
  return { cost: traversalCost({ min: most > 0 ? 1 : 0, max: most }) }
}

/** The name of a format is at most this long. */
const longestFormat = 64

/** Library types whose values are compared in one step. */
const cheaplyCompared = new Set([
  'net.IP',
  'net.CIDR',
  'kubernetes.Quantity',
  'kubernetes.Semver',
  'kubernetes.authorization.Authorizer',
  'kubernetes.authorization.PathCheck',
  'kubernetes.authorization.GroupCheck',
  'kubernetes.authorization.ResourceCheck',
  'kubernetes.authorization.Decision',
])

/** `==` on Kubernetes' own types (`!=` has no such rule). Source: apiserver `pkg/cel/library/cost.go`. */
export function equalityEstimate(overload: string, args: readonly ArgumentEstimate[]): CallEstimate | undefined {
  const [left, right] = args
  if (overload !== 'equals' || left === undefined || right === undefined) return undefined
  const name = ownTypeName(left.type)
  if (name === undefined || name !== ownTypeName(right.type)) return undefined
  if (cheaplyCompared.has(name)) return { cost: callCost }
  if (name === 'kubernetes.NamedFormat') return { cost: traversalCost({ min: 1, max: longestFormat }) }
  if (name !== 'kubernetes.URL') return undefined
  return { cost: traversalCost({ min: 1, max: right.sizeKnown ? right.size.max : 1 }) }
}

function ownTypeName(type: CelType): string | undefined {
  return type.kind === 'opaque' || type.kind === 'object' ? type.name : undefined
}
