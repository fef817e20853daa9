/** The ReplicaSet for a deployment's current template. Pure. */
import type { Deployment } from '../../api/apps/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { templateHash } from '../pod/template-hash.ts'
import { currentAnnotations, sizeAnnotations, templateHashLabel } from './revision.ts'

const maxNameLength = 253

/** Named after the template, so that the same template is never made twice. */
export function newReplicaSet(deployment: Deployment, revision: bigint, replicas: number): Draft<'apps.v1.ReplicaSet'> {
  const { template, selector, minReadySeconds } = deployment.spec
  const hash = templateHash(template, deployment.status.collisionCount)
  const labels = { ...template.metadata.labels, [templateHashLabel]: hash }
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name.slice(0, maxNameLength - hash.length - 1)}-${hash}`,
      ...(deployment.metadata.namespace === undefined ? {} : { namespace: deployment.metadata.namespace }),
      labels,
      annotations: { ...currentAnnotations(deployment, {}, revision), ...sizeAnnotations(deployment) },
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [templateHashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}
