/** A compiled expression: closures made once, run many times. */
import type { CheckedExpression } from './ast.ts'
import { CelError } from './errors.ts'
import { type EvaluateOptions, newFrame, type Variables } from './frame.ts'
import type { Planned } from './planner.ts'
import type { CelType } from './types.ts'
import type { CelValue } from './values.ts'

/** Values of the variables; a function is called at the first use and its value is kept for that evaluation. */
export type Activation = Variables

/** What an evaluation came to. */
export type Evaluation = { readonly value: CelValue; readonly cost: number }

/** What an evaluation came to, errors included: they have their cost too. */
export type Outcome = { readonly value: CelValue | CelError; readonly cost: number }

/** An expression ready to run. */
export type Program = {
  readonly outputType: CelType
  readonly ast: CheckedExpression
  /** Throws `CelError` when the value is an error, `CostLimitError` or `InterruptedError` when it was stopped. */
  readonly evaluate: (variables: Activation, options?: EvaluateOptions) => Evaluation
  /** As `evaluate`, but an error is a value; only `CostLimitError` and `InterruptedError` are thrown. */
  readonly run: (variables: Activation, options?: EvaluateOptions) => Outcome
}

/** A program of a planned expression. */
export function programOf(ast: CheckedExpression, outputType: CelType, planned: Planned): Program {
  const run = (variables: Activation, options: EvaluateOptions = {}): Outcome => {
    const frame = newFrame(variables, options)
    try {
      const value = planned.evaluate(frame)
      return { value: value === undefined ? (frame.error ?? new CelError('no value')) : value, cost: frame.cost }
    } catch (error) {
      if (error instanceof CelError) return { value: error, cost: frame.cost }
      // Values may be nested deeper than recursion can follow. Upstream calls what should not happen an internal error, too.
      if (!(error instanceof RangeError)) throw error
      return { value: new CelError(`internal error: ${error.message}`), cost: frame.cost }
    }
  }
  return {
    outputType,
    ast,
    run,
    evaluate: (variables, options) => {
      const { value, cost } = run(variables, options)
      if (value instanceof CelError) throw value
      return { value, cost }
    },
  }
}
