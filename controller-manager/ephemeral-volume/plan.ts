/** Claims for the ephemeral volumes of pods. Pure. */

import type { PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { controllerReference, isControlledBy } from '../../apimachinery/owner-reference.ts'
import type { Plan } from '../../client/controller/controller.ts'

/** Everything the decision depends on. */
export type Observed = {
  readonly pod: Pod
  /** The claims of the pod's namespace, by name. */
  readonly claim: (name: string) => PersistentVolumeClaim | undefined
}
export type Action =
  | { readonly type: 'create'; readonly pod: Pod; readonly draft: Draft<'core.v1.PersistentVolumeClaim'> }
  | { readonly type: 'refuse'; readonly pod: Pod; readonly message: string }

/** A claim of that name that is somebody else's is not used: the pod then waits. */
export function plan({ pod, claim }: Observed): Plan<Action> {
  if (pod.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const actions = (pod.spec.volumes ?? []).flatMap(({ name: volume, ephemeral }): readonly Action[] => {
    const template = ephemeral?.volumeClaimTemplate
    if (template === undefined) return []
    const name = `${pod.metadata.name}-${volume}`
    const { namespace = '' } = pod.metadata
    const existing = claim(name)
    if (existing === undefined) {
      const metadata = { ...template.metadata, name, namespace, ownerReferences: [controllerReference(pod)] }
      const draft = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: template.spec } as const
      return [{ type: 'create', pod, draft }]
    }
    if (isControlledBy(existing, pod)) return []
    const message = `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`
    return [{ type: 'refuse', pod, message }]
  })
  return { actions }
}
