/**
 * Conditions in CEL before a webhook or policy is asked: one that is false ends the matter; otherwise one that fails is a refusal or,
 * with the policy `Ignore`, the same as false. Source: upstream's `webhook/matchconditions`.
 */
import { type CompiledExpression, plainCompiler, resultTypes } from '../../api/admissionregistration/cel/compiler.ts'
import type { MatchCondition } from '../../api/admissionregistration/v1.ts'
import { joinErrors } from '../authn/join-errors.ts'
import { type EvaluationInput, evaluateAll, OutOfBudget } from '../cel/evaluation.ts'

/** What all conditions of one webhook or policy may cost. Source: `RuntimeCELCostBudgetMatchConditions`. */
const budget = 2_500_000

/** Whether to go on, or why that cannot be said. */
export type ConditionsVerdict =
  | { readonly type: 'matches' }
  | { readonly type: 'differs' }
  | { readonly type: 'failed'; readonly message: string }

/** Compiles the conditions of a webhook, which knows no parameters. */
export function compileConditions(conditions: readonly MatchCondition[] | undefined): readonly CompiledExpression[] {
  return (conditions ?? []).map(({ expression }) =>
    plainCompiler.compile(expression, resultTypes.condition, { params: false, authorizer: true }),
  )
}

/** Evaluates the conditions. */
export function checkConditions(
  conditions: readonly CompiledExpression[],
  input: EvaluationInput,
  failurePolicy: string | undefined,
): ConditionsVerdict {
  if (conditions.length === 0) return { type: 'matches' }
  const errors: string[] = []
  try {
    // Conditions do not see the namespace.
    const { results } = evaluateAll(conditions, { ...input, matched: input.request.resource, namespace: null }, budget)
    for (const { value, error } of results) {
      if (value === false) return { type: 'differs' }
      if (error !== undefined) errors.push(error)
    }
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error
    errors.push(error.message)
  }
  if (errors.length === 0) return { type: 'matches' }
  return failurePolicy === 'Ignore' ? { type: 'differs' } : { type: 'failed', message: joinErrors(errors) }
}
