/**
 * The syntax tree. The parser makes it, macros rewrite it, the checker writes tables about it and changes nothing.
 * Macros are expanded as cel-go expands them, because costs are counted on the expansion.
 */
import type { CelType } from './types.ts'
import type { CelValue } from './values.ts'

/** One node; `id` is unique within an expression and leads to its position, type and reference. */
export type Expression =
  | { readonly kind: 'literal'; readonly id: number; readonly value: CelValue }
  | { readonly kind: 'identifier'; readonly id: number; readonly name: string }
  | SelectExpression
  | CallExpression
  | {
      readonly kind: 'list'
      readonly id: number
      readonly elements: readonly Expression[]
      /** Indexes of elements written `[?x]`. */
      readonly optionalIndices: readonly number[]
    }
  | { readonly kind: 'map'; readonly id: number; readonly entries: readonly MapEntry[] }
  | {
      readonly kind: 'struct'
      readonly id: number
      readonly name: string
      readonly fields: readonly StructField[]
    }
  | ComprehensionExpression

/** `operand.field`, or `has(operand.field)` when `test` is true. */
export type SelectExpression = {
  readonly kind: 'select'
  readonly id: number
  readonly operand: Expression
  readonly field: string
  readonly test: boolean
}

/** A function or an operator (`_+_`, `_&&_`, `_[_]`, `_?_:_`). */
export type CallExpression = {
  readonly kind: 'call'
  readonly id: number
  readonly function: string
  readonly target?: Expression
  readonly args: readonly Expression[]
}

export type MapEntry = {
  readonly id: number
  readonly key: Expression
  readonly value: Expression
  readonly optional: boolean
}

export type StructField = {
  readonly id: number
  readonly name: string
  readonly value: Expression
  readonly optional: boolean
}

/** A loop over `range`: while `condition` holds, `accumulator` becomes `step`; in the end the value is `result`. */
export type ComprehensionExpression = {
  readonly kind: 'comprehension'
  readonly id: number
  readonly range: Expression
  readonly variable: string
  /** The second variable of `transformList(i, v, …)`. */
  readonly variable2?: string
  readonly accumulator: string
  readonly initial: Expression
  readonly condition: Expression
  readonly step: Expression
  readonly result: Expression
}

/** What a name stands for, found by the checker. */
export type Reference =
  | { readonly type: 'variable'; readonly name: string; readonly value?: CelValue }
  | { readonly type: 'function'; readonly overloads: readonly string[] }

/** A tree with what the checker found out about it. */
export type CheckedExpression = {
  readonly source: string
  readonly expression: Expression
  /** By node id. */
  readonly types: ReadonlyMap<number, CelType>
  /** By node id: variables with their full name, calls with the overloads that may apply. */
  readonly references: ReadonlyMap<number, Reference>
  /** By node id: offset in code points. */
  readonly offsets: ReadonlyMap<number, number>
}
