/** A namespace that is being deleted loses its content first, then its finalizer. Pure. */
import type { Namespace } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'

export const kubernetesFinalizer = 'kubernetes'

/** Everything the decision depends on. */
export type Observed = { readonly namespace: Namespace }
export type Action =
  | { readonly type: 'setTerminating'; readonly namespace: Namespace }
  | { readonly type: 'removeContent'; readonly namespace: Namespace }

/** Nothing to do for a namespace that lives, or whose content somebody else removes. */
export function plan({ namespace }: Observed): Plan<Action> {
  const { metadata, spec, status } = namespace
  if (metadata.deletionTimestamp === undefined) return { actions: [] }
  const isMarked = status.phase === 'Terminating'
  const mark: readonly Action[] = isMarked ? [] : [{ type: 'setTerminating', namespace }]
  const isWaiting = spec.finalizers?.includes(kubernetesFinalizer) === true
  return { actions: isWaiting ? [...mark, { type: 'removeContent', namespace }] : mark }
}
