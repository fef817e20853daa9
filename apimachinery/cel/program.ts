/** A compiled expression: closures made once, run many times. */
import type { CheckedExpression } from './ast.ts'
import { CelError } from './errors.ts'
import type { Frame, Variables } from './frame.ts'
import type { Planned } from './planner.ts'
import type { CelType } from './types.ts'
import type { CelValue } from './values.ts'

/** Values of the variables; a function is called at the first use and its value is kept for that evaluation. */
export type Activation = Variables

export type EvaluateOptions = {
  /** The evaluation stops with `CostLimitError` once it has cost more. */
  readonly costLimit?: number
}

/** What an evaluation came to. */
export type Evaluation = { readonly value: CelValue; readonly cost: number }

/** What an evaluation came to, errors included: they have their cost too. */
export type Outcome = { readonly value: CelValue | CelError; readonly cost: number }

/** An expression ready to run. */
export type Program = {
  readonly outputType: CelType
  readonly ast: CheckedExpression
  /** Throws `CelError` when the value is an error, `CostLimitError` when the limit is exceeded. */
  readonly evaluate: (variables: Activation, options?: EvaluateOptions) => Evaluation
  /** As `evaluate`, but an error is a value; only `CostLimitError` is thrown. */
  readonly run: (variables: Activation, options?: EvaluateOptions) => Outcome
}

/** A program of a planned expression. */
export function programOf(ast: CheckedExpression, outputType: CelType, planned: Planned): Program {
  const run = (variables: Activation, options?: EvaluateOptions): Outcome => {
    const frame: Frame = {
      variables,
      globals: [],
      locals: [],
      costLimit: options?.costLimit ?? Infinity,
      cost: 0,
      error: undefined,
    }
    const value = planned.evaluate(frame)
    return { value: value === undefined ? (frame.error ?? new CelError('no value')) : value, cost: frame.cost }
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
