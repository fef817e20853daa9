/**
 * What a validating policy says of one write with one set of parameters. Pure but for what the authorizer says.
 * Source: upstream's `validating/validator.go`.
 */
import type { ValidatingAdmissionPolicy, Validation } from '../../../api/admissionregistration/v1.ts'
import type { CelValue } from '../../../apimachinery/cel/values.ts'
import { type Evaluated, type EvaluationInput, evaluateAll, OutOfBudget } from '../../cel/evaluation.ts'
import { checkConditions } from '../match-conditions.ts'
import type { CompiledValidatingPolicy } from './compile.ts'

/** What all validations of one policy with one binding may cost. Source: `RuntimeCELCostBudget`. */
export const policyBudget = 10_000_000
const maxMessageBytes = 5 * 1024

/** The outcome of one validation. An error counts as a denial, unless failures are ignored. */
export type PolicyDecision =
  | { readonly type: 'admit' }
  | { readonly type: 'ignoredError'; readonly message: string }
  | { readonly type: 'deny'; readonly message: string; readonly reason: string }

/** The outcome of one audit annotation. */
export type AuditAnnotationOutcome =
  | { readonly type: 'publish'; readonly key: string; readonly value: string }
  | { readonly type: 'exclude' }
  | { readonly type: 'error'; readonly message: string }

export type PolicyResult = {
  readonly decisions: readonly PolicyDecision[]
  readonly auditAnnotations: readonly AuditAnnotationOutcome[]
}

/** Evaluates everything in the policy. */
export function decide(
  policy: ValidatingAdmissionPolicy,
  compiled: CompiledValidatingPolicy,
  evaluationInput: EvaluationInput,
): PolicyResult {
  const input = { ...evaluationInput, variables: compiled.variables }
  const { failurePolicy } = policy.spec
  const failed = (message: string): PolicyResult => ({
    decisions: [failure(message, failurePolicy)],
    auditAnnotations: [],
  })
  const conditions = checkConditions(compiled.conditions, input, failurePolicy)
  if (conditions.type === 'failed') return failed(conditions.message)
  if (conditions.type === 'differs') return { decisions: [], auditAnnotations: [] }
  try {
    const { results, remaining } = evaluateAll(compiled.validations, input, policyBudget)
    const messages = evaluateMessages(compiled, input, remaining)
    return {
      decisions: results.map((result, index) =>
        decisionOf(policy.spec.validations?.[index], result, messages(index), failurePolicy),
      ),
      auditAnnotations: annotate(policy, compiled, input),
    }
  } catch (error) {
    if (error instanceof OutOfBudget) return failed(error.message)
    throw error
  }
}

function failure(message: string, failurePolicy: string | undefined): PolicyDecision {
  return failurePolicy === 'Ignore' ? { type: 'ignoredError', message } : { type: 'deny', message, reason: 'Invalid' }
}

type MessageOf = (index: number) => Evaluated & { readonly isOutOfBudget?: true }

/** Messages may not ask the authorizer, and share the budget that validations have left. */
function evaluateMessages(compiled: CompiledValidatingPolicy, input: EvaluationInput, budget: number): MessageOf {
  const { ask: _ask, ...rest } = input
  try {
    const { results } = evaluateAll(compiled.messages, rest, budget)
    return (index) => results[index] ?? {}
  } catch (error) {
    if (!(error instanceof OutOfBudget)) throw error
    return () => ({ error: error.message, isOutOfBudget: true })
  }
}

function decisionOf(
  validation: Validation | undefined,
  { value, error }: Evaluated,
  message: ReturnType<MessageOf>,
  failurePolicy: string | undefined,
): PolicyDecision {
  if (error !== undefined) return failure(error, failurePolicy)
  if (message.isOutOfBudget === true) {
    return failure(`failed messageExpression: ${message.error ?? ''}`, failurePolicy)
  }
  if (value === true) return { type: 'admit' }
  const { reason = 'Invalid', expression = '', message: fixed = '' } = validation ?? {}
  const text = [evaluatedMessage(message.value), fixed.trim()].find((one) => one !== '')
  return { type: 'deny', reason, message: text ?? `failed expression: ${expression.trim()}` }
}

/** A message that is no text, blank, too long or of several lines does not count. */
function evaluatedMessage(value: CelValue | undefined): string {
  if (typeof value !== 'string') return ''
  const text = value.trim()
  return Buffer.byteLength(text) > maxMessageBytes || text.includes('\n') ? '' : text
}

function annotate(
  { spec }: ValidatingAdmissionPolicy,
  compiled: CompiledValidatingPolicy,
  input: EvaluationInput,
): readonly AuditAnnotationOutcome[] {
  const { results } = evaluateAll(compiled.auditAnnotations, input, policyBudget)
  return results.map(({ value, error }, index) => {
    if (error !== undefined) {
      return spec.failurePolicy === 'Ignore' ? { type: 'exclude' } : { type: 'error', message: error }
    }
    const text = typeof value === 'string' ? value.trim() : ''
    const key = spec.auditAnnotations?.[index]?.key ?? ''
    return text === '' ? { type: 'exclude' } : { type: 'publish', key, value: text }
  })
}
