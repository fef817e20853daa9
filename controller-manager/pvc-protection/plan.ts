/** A claim that a pod uses is not removed before the pod. Pure. */
import type { PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'

export const claimFinalizer = 'kubernetes.io/pvc-protection'

/** Everything the decision depends on. */
export type Observed = { readonly claim: PersistentVolumeClaim; readonly pods: readonly Pod[] }
export type Action = { readonly type: 'protect' | 'release'; readonly claim: PersistentVolumeClaim }

/** Pods that have no node yet do not count: no kubelet starts one whose claim is being deleted. */
export function plan({ claim, pods }: Observed): Plan<Action> {
  const isProtected = claim.metadata.finalizers?.includes(claimFinalizer) === true
  if (claim.metadata.deletionTimestamp === undefined)
    return { actions: isProtected ? [] : [{ type: 'protect', claim }] }
  const isUsed = pods.some((pod) => (pod.spec.nodeName ?? '') !== '' && claimNames(pod).includes(claim.metadata.name))
  return { actions: isProtected && !isUsed ? [{ type: 'release', claim }] : [] }
}

/** The claims that a pod uses, those made for its ephemeral volumes included. */
export function claimNames({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName]
    return ephemeral === undefined ? [] : [`${metadata.name}-${name}`]
  })
}
