/** How many pods the controllers of some pods want together. */

import type { Deployment, ReplicaSet, StatefulSet } from '../../api/apps/v1.ts'
import type { Pod, ReplicationController } from '../../api/core/v1.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import type { Informer } from '../../client/cache/informer.ts'

/** The kinds whose wish is known. */
export type ScaleCaches = {
  readonly deployments: Informer<Deployment>
  readonly replicaSets: Informer<ReplicaSet>
  readonly statefulSets: Informer<StatefulSet>
  readonly replicationControllers: Informer<ReplicationController>
}

type Scale = { readonly uid: string; readonly replicas: number }

/** Each controller counts once; pods that nobody manages count for nothing. A string says why it is not known. */
export function expectedScale(caches: ScaleCaches, pods: readonly Pod[]): number | string {
  const scales = new Map<string, number>()
  for (const pod of pods) {
    if (controllerRef(pod) === undefined) continue
    const scale = scaleOf(caches, pod)
    if (scale === undefined) return `found no controllers for pod "${pod.metadata.name}"`
    scales.set(scale.uid, scale.replicas)
  }
  return [...scales.values()].reduce((sum, replicas) => sum + replicas, 0)
}

function scaleOf(caches: ScaleCaches, pod: Pod): Scale | undefined {
  const owner = controllerRef(pod)
  const key = `${pod.metadata.namespace ?? ''}/${owner?.name ?? ''}`
  const found = (
    object: Deployment | StatefulSet | ReplicaSet | ReplicationController | undefined,
  ): Scale | undefined => {
    if (object?.metadata.uid !== owner?.uid || object === undefined) return undefined
    return { uid: object.metadata.uid, replicas: object.spec.replicas ?? 1 }
  }
  switch (owner?.kind) {
    case 'ReplicaSet':
      return deploymentScale(caches, key) ?? found(caches.replicaSets.get(key))
    case 'StatefulSet':
      return found(caches.statefulSets.get(key))
    case 'ReplicationController':
      return found(caches.replicationControllers.get(key))
    default:
      return undefined
  }
}

/** The wish of a Deployment goes before that of its replica sets, which change while it rolls out. */
function deploymentScale({ deployments, replicaSets }: ScaleCaches, key: string): Scale | undefined {
  const replicaSet = replicaSets.get(key)
  const owner = replicaSet === undefined ? undefined : controllerRef(replicaSet)
  if (owner?.kind !== 'Deployment') return undefined
  const deployment = deployments.get(`${replicaSet?.metadata.namespace ?? ''}/${owner.name}`)
  if (deployment?.metadata.uid !== owner.uid || deployment === undefined) return undefined
  return { uid: deployment.metadata.uid, replicas: deployment.spec.replicas ?? 1 }
}
