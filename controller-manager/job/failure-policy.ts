/** `spec.podFailurePolicy`: what a failed pod means for its job. Pure. */
import type { Job, PodFailurePolicyRule } from '../../api/batch/v1.ts'
import type { ContainerStatus, Pod } from '../../api/core/v1.ts'

/** The verdict on one failed pod; without a matching rule it simply counts. */
export type PolicyMatch = {
  readonly action: 'FailJob' | 'Ignore' | 'Count' | 'FailIndex'
  readonly message: string
}

/** The first rule that fits. */
export function matchFailurePolicy({ spec }: Job, pod: Pod): PolicyMatch | undefined {
  for (const [at, rule] of (spec.podFailurePolicy?.rules ?? []).entries()) {
    const message = matchRule(rule, pod, at)
    if (message !== undefined) return { action: actionOf(rule), message }
  }
  return undefined
}

function actionOf({ action }: PodFailurePolicyRule): PolicyMatch['action'] {
  return action === 'FailJob' || action === 'Ignore' || action === 'FailIndex' ? action : 'Count'
}

function matchRule(rule: PodFailurePolicyRule, pod: Pod, at: number): string | undefined {
  const { namespace, name } = pod.metadata
  if (rule.onExitCodes !== undefined) {
    const failed = failedContainer(rule.onExitCodes, pod)
    if (failed === undefined) return undefined
    const code = failed.state.terminated?.exitCode
    return `Container ${failed.name} for pod ${namespace}/${name} failed with exit code ${code} matching ${rule.action} rule at index ${at}`
  }
  const condition = pod.status.conditions?.find(({ type, status }) =>
    rule.onPodConditions?.some((pattern) => pattern.type === type && (pattern.status || 'True') === status),
  )
  if (condition === undefined) return undefined
  return `Pod ${namespace}/${name} has condition ${condition.type} matching ${rule.action} rule at index ${at}`
}

function failedContainer(
  { containerName, operator, values }: NonNullable<PodFailurePolicyRule['onExitCodes']>,
  { status }: Pod,
): ContainerStatus | undefined {
  return [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])].find(({ name, state }) => {
    const code = state.terminated?.exitCode
    if (code === undefined || code === 0 || (containerName !== undefined && containerName !== name)) return false
    return operator === 'In' ? values.includes(code) : !values.includes(code)
  })
}
