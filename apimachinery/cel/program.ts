/** A compiled expression: closures made once, run many times. */
import type { CheckedExpression } from './ast.ts'
import type { CelType } from './types.ts'
import type { CelValue } from './values.ts'

/** Values of the variables; a function is called at the first use and its value is kept for that evaluation. */
export type Activation = Readonly<Record<string, CelValue | (() => CelValue)>>

export type EvaluateOptions = {
  /** The evaluation stops with `CostLimitError` once it has cost more. */
  readonly costLimit?: number
}

/** An expression ready to run. */
export type Program = {
  readonly outputType: CelType
  readonly ast: CheckedExpression
  /** Throws `CelError` when the value is an error, `CostLimitError` when the limit is exceeded. */
  readonly evaluate: (
    variables: Activation,
    options?: EvaluateOptions,
  ) => { readonly value: CelValue; readonly cost: number }
}
