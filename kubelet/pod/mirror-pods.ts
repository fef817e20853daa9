/** Mirror pods: the API's read-only picture of static pods. The kubelet makes them again when someone deletes them. */
import type { Node, Pod } from '../../api/core/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import { pods } from '../../client/rest/resource-refs.ts'
import { configHashAnnotation, configMirrorAnnotation } from '../runtime/labels.ts'

/** Makes or replaces the mirror of one static pod. */
export async function ensureMirror(
  client: Client,
  staticPod: Pod,
  mirror: Pod | undefined,
  node: Node | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (mirror !== undefined) {
    const isCurrent = mirror.metadata.annotations?.[configMirrorAnnotation] === mirrorHash(staticPod)
    if (isCurrent && mirror.metadata.deletionTimestamp === undefined) return
    await deleteMirror(client, mirror, signal)
  }
  try {
    await client.create(pods, mirrorOf(staticPod, node), signal)
  } catch (error) {
    // Deleted a moment ago and not gone yet, or made by a kubelet before this one: the next round sees it.
    if (!hasReason(error, 'AlreadyExists')) throw error
  }
}

/** Deletes a mirror at once; what it mirrors is none of the API's business. */
export async function deleteMirror(client: Client, mirror: Pod, signal: AbortSignal): Promise<void> {
  const { name, namespace, uid } = mirror.metadata
  try {
    await client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, preconditions: { uid } }, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
  }
}

function mirrorHash({ metadata }: Pod): string {
  return metadata.annotations?.[configHashAnnotation] ?? ''
}

function mirrorOf(pod: Pod, node: Node | undefined) {
  const { name, namespace, labels, annotations } = pod.metadata
  const owner = node && {
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Node', name: node.metadata.name, uid: node.metadata.uid, controller: true },
    ],
  }
  return {
    apiVersion: 'v1' as const,
    kind: 'Pod' as const,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [configMirrorAnnotation]: mirrorHash(pod) },
      ...owner,
    },
    spec: pod.spec,
  }
}
