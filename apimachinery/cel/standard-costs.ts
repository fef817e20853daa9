/** What the standard library's calls cost at run time. Source: cel-go `interpreter/runtimecost.go`. */
import { sizeOf } from './runtime-type.ts'
import { type CelValue, isKind } from './values.ts'

/** What reading one character costs. */
const perCharacter = 0.1
/** What one character of a pattern costs per unit of text. */
const perPatternCharacter = 0.25

type Cost = (args: readonly CelValue[]) => number

function traversal(size: number): number {
  return Math.ceil(size * perCharacter)
}

/** The first argument is read once. */
export const readFirst: Cost = ([text]) => traversal(sizeOf(text))
/** Both are read as far as the shorter one goes. */
export const readShorter: Cost = ([a, b]) => traversal(Math.min(sizeOf(a), sizeOf(b)))
/** Kubernetes' own types are compared in one step by `==` (`!=` has no such rule). Source: apiserver `pkg/cel/library/cost.go`. */
export const readEqual: Cost = (args) => (isKind(args[0], 'opaque') ? 1 : readShorter(args))
/** Both are copied. */
export const readBoth: Cost = ([a, b]) => traversal(sizeOf(a) + sizeOf(b))
/** Each place of the first is held against the second. */
export const search: Cost = ([text, part]) => traversal(sizeOf(text)) * traversal(sizeOf(part))
/** The text goes through the pattern's automaton. */
export const matching: Cost = ([text, pattern]) =>
  traversal(1 + sizeOf(text)) * Math.ceil(sizeOf(pattern) * perPatternCharacter)
/** Every item may be looked at. */
export const itemsOfSecond: Cost = ([, list]) => sizeOf(list)
