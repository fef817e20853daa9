/** Every namespace has a service account named `default`. Pure. */
import type { Namespace } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'

export const defaultAccount = 'default'

export type Observed = { readonly namespace: Namespace; readonly hasDefault: boolean }
export type Action = { readonly type: 'createDefault'; readonly namespace: string }

/** Makes the account unless the namespace is going away. */
export function plan({ namespace, hasDefault }: Observed): Plan<Action> {
  const isLeaving = namespace.status.phase === 'Terminating' || namespace.metadata.deletionTimestamp !== undefined
  if (hasDefault || isLeaving) return { actions: [] }
  return { actions: [{ type: 'createDefault', namespace: namespace.metadata.name }] }
}
