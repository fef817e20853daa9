/** Which policies are to be held against the types of what they are about. Pure. */
import type { ValidatingAdmissionPolicy } from '../../api/admissionregistration/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'

export type Action = { readonly type: 'check'; readonly policy: ValidatingAdmissionPolicy }

/** Each generation once. Source: upstream's `validatingadmissionpolicystatus/controller.go`. */
export function plan(policy: ValidatingAdmissionPolicy): Plan<Action> {
  const { generation = 0 } = policy.metadata
  const isChecked = generation <= (policy.status.observedGeneration ?? 0)
  return { actions: isChecked || policy.metadata.deletionTimestamp !== undefined ? [] : [{ type: 'check', policy }] }
}
