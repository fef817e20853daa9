/**
 * Arithmetic on ranges of sizes and costs. Upstream counts in uint64 and stops at its largest number; here 2^64 stands for that number
 * and everything above it. Above 2^53 a range is a close neighbour of upstream's, which is far beyond every budget.
 * Source: cel-go `checker/cost.go`.
 */
import type { Range } from './library.ts'

/** No bound: the largest number of upstream's uint64. */
export const unbounded = 2 ** 64

/** Nothing is known. */
export const unknownSize: Range = { min: 0, max: unbounded }

/** Exactly this much. */
export function exactly(value: number): Range {
  return { min: value, max: value }
}

/** The sum. */
export function addRanges(a: Range, b: Range): Range {
  return { min: saturate(a.min + b.min), max: saturate(a.max + b.max) }
}

/** The product. */
export function multiplyRanges(a: Range, b: Range): Range {
  return { min: saturate(a.min * b.min), max: saturate(a.max * b.max) }
}

/** The range times a factor, rounded up. */
export function scaleRange(range: Range, factor: number): Range {
  return { min: saturate(Math.ceil(range.min * factor)), max: saturate(Math.ceil(range.max * factor)) }
}

/** The smallest range that holds both. */
export function uniteRanges(a: Range, b: Range): Range {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) }
}

function saturate(value: number): number {
  return Math.min(value, unbounded)
}
