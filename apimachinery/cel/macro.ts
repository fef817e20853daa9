/** What a macro works with: makers of nodes with fresh ids, placed where the macro's call stands. */
import type { ComprehensionExpression, Expression, MapEntry } from './ast.ts'
import type { CelValue } from './values.ts'

/** A macro was used wrongly; becomes an issue at the node. */
export class MacroError extends Error {
  override readonly name = 'MacroError'
  readonly nodeId: number

  constructor(nodeId: number, message: string) {
    super(message)
    this.nodeId = nodeId
  }
}

/** Makers of nodes. Every node that a macro adds comes from here. */
export type MacroContext = {
  readonly literal: (value: CelValue) => Expression
  readonly identifier: (name: string) => Expression
  /** The name under which comprehensions keep their result: `@result`. */
  readonly accumulatorName: string
  readonly accumulator: () => Expression
  readonly select: (operand: Expression, field: string) => Expression
  readonly presenceTest: (operand: Expression, field: string) => Expression
  readonly call: (name: string, ...args: readonly Expression[]) => Expression
  readonly memberCall: (name: string, target: Expression, ...args: readonly Expression[]) => Expression
  readonly list: (...elements: readonly Expression[]) => Expression
  readonly map: (...entries: readonly MapEntry[]) => Expression
  readonly mapEntry: (key: Expression, value: Expression, optional: boolean) => MapEntry
  readonly comprehension: (parts: Omit<ComprehensionExpression, 'kind' | 'id'>) => Expression
  /** A copy of a node with fresh ids, for expressions that stand twice in the expansion. */
  readonly copy: (expression: Expression) => Expression
}
