/** Run-time costs that several libraries share. Source: apiserver `pkg/cel/library/cost.go`, cel-go `interpreter/runtimecost.go`. */

import { CostLimitError } from '../errors.ts'
import { patternCost, stringTraversalCost } from '../estimate-standard.ts'
import { sizeOf } from '../runtime-type.ts'
import { type CelValue, isKind, itemsOf } from '../values.ts'

/** Reading a text of this length once. */
export function traversal(size: number): number {
  return Math.ceil(size * stringTraversalCost)
}

/** Reading the first argument once. */
export function traverseFirst([first]: readonly CelValue[]): number {
  return traversal(sizeOf(first))
}

/** Reading the first argument and writing as much. */
export function rewriteFirst([first]: readonly CelValue[]): number {
  return Math.ceil(sizeOf(first) * 2 * stringTraversalCost)
}

/** Holding a text against a pattern of this length. */
export function matching(textSize: number, patternSize: number): number {
  return Math.ceil((1 + textSize) * stringTraversalCost) * Math.ceil(patternSize * patternCost)
}

/** Lists that hold one list many times look small and are not: after so many items the cost is beyond every limit. */
const mostVisited = 3_000_000

/** Visiting everything inside the first argument; texts count by their bytes. */
export function visitFirst([first]: readonly CelValue[]): number {
  if (first === undefined) return 0
  let visited = 0
  const visit = (value: CelValue): number => {
    visited++
    if (visited > mostVisited) throw new CostLimitError()
    if (typeof value === 'string') return Math.floor(Buffer.byteLength(value) * stringTraversalCost)
    if (value instanceof Uint8Array) return Math.floor(value.length * stringTraversalCost)
    if (isKind(value, 'list')) return itemsOf(value).reduce((cost: number, item) => cost + visit(item), 0)
    if (!isKind(value, 'map')) return 1
    return value.keys().reduce((cost: number, key) => cost + visit(key) + visit(value.find(key) ?? null), 0)
  }
  return visit(first)
}
