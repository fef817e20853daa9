/** Pairs of run-time cost and static estimate that many functions share. Source: apiserver `pkg/cel/library/cost.go`. */

import { scaleRange, unknownSize } from '../estimate-range.ts'
import { callCost, stringTraversalCost, traversalCost } from '../estimate-standard.ts'
import type { ArgumentEstimate, EstimateCall, Overload, Range } from '../library.ts'
import { rewriteFirst, traverseFirst } from './costs.ts'

/** The costs of one overload. */
export type CallCosts = Pick<Overload, 'cost' | 'estimate'>

/** The size of an argument as far as it is known. */
export function sizeOfArgument(args: readonly ArgumentEstimate[], index: number): Range {
  return args[index]?.size ?? unknownSize
}

/** Looking something up. */
export const nominal: CallCosts = { cost: () => 1, estimate: () => ({ cost: callCost }) }

const readFirst: EstimateCall = (args) => ({ cost: traversalCost(sizeOfArgument(args, 0)) })

/** Reading the first argument once. */
export const readsFirst: CallCosts = { cost: traverseFirst, estimate: readFirst }

/** Reading the first argument into a result of at most its size. */
export const copiesFirst: CallCosts = {
  cost: traverseFirst,
  estimate: (args) => ({ ...readFirst(args), resultSize: sizeOfArgument(args, 0) }),
}

/** Reading the first argument and comparing it, or writing as much. */
export const rewritesFirst: CallCosts = {
  cost: rewriteFirst,
  estimate: (args) => ({ cost: scaleRange(sizeOfArgument(args, 0), 2 * stringTraversalCost) }),
}
