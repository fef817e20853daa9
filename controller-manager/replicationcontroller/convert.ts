/** ReplicationControllers are kept by the plan of ReplicaSets: one is written as the other, and back. Pure. */
import type { ReplicaSet, ReplicaSetStatus } from '../../api/apps/v1.ts'
import type { ReplicationController, ReplicationControllerStatus } from '../../api/core/v1.ts'

/** The ReplicaSet that wants the same; it keeps the kind, so that owner references and events name the real one. */
export function asReplicaSet(controller: ReplicationController): ReplicaSet {
  const { selector, template, replicas, minReadySeconds } = controller.spec
  return {
    ...controller,
    // The plan reads only what both kinds have; references to the owner need its true type.
    apiVersion: 'v1' as 'apps/v1',
    kind: 'ReplicationController' as 'ReplicaSet',
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { matchLabels: selector ?? {} },
      template: template ?? { metadata: {}, spec: { containers: [] } },
    },
    status: controller.status,
  }
}

/** The status of a ReplicaSet as that of a ReplicationController, which does not count leaving pods. */
export function statusOf({ terminatingReplicas: _, ...status }: ReplicaSetStatus): ReplicationControllerStatus {
  return status
}
