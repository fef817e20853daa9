/** How often policies were asked and what came of it. Source: upstream's `validating/metrics` and `mutating/metrics`. */
import { Counter, type Registry } from '../../../component-base/metrics.ts'

/** A policy and the binding it was asked with. */
export type PolicyNames = { readonly policy: string; readonly binding: string }

/** What happened to a write: `error` is the message of the expression that failed. */
export type PolicyMetrics = {
  readonly validated: (names: PolicyNames, action: 'allow' | 'deny' | 'audit' | 'warn', error?: string) => void
  readonly mutated: (names: PolicyNames, error?: string) => void
  readonly register: (registry: Registry) => void
}

/** Counters that belong to no registry yet. */
export function createPolicyMetrics(): PolicyMetrics {
  const validating = new Counter({
    name: 'apiserver_validating_admission_policy_check_total',
    help: 'Validation admission policy check total, labeled by policy and further identified by binding and enforcement action taken.',
    labelNames: ['policy', 'policy_binding', 'error_type', 'enforcement_action'] as const,
    registers: [],
  })
  const mutating = new Counter({
    name: 'apiserver_mutating_admission_policy_check_total',
    help: 'Mutation admission policy check total, labeled by policy and further identified by binding.',
    labelNames: ['policy', 'policy_binding', 'error_type'] as const,
    registers: [],
  })
  return {
    validated: ({ policy, binding }, action, error) =>
      validating.inc({ policy, policy_binding: binding, error_type: errorType(error), enforcement_action: action }),
    mutated: ({ policy, binding }, error) =>
      mutating.inc({ policy, policy_binding: binding, error_type: errorType(error) }),
    register: (registry) => {
      registry.registerMetric(validating)
      registry.registerMetric(mutating)
    },
  }
}

/** Source: `ErrorType`. A validation that is simply false counts as an error, too. */
function errorType(error: string | undefined): string {
  if (error === undefined) return 'no_error'
  if (error.startsWith('compilation')) return 'compile_error'
  return error.startsWith('validation failed due to running out of cost budget') ? 'out_of_budget' : 'invalid_error'
}
