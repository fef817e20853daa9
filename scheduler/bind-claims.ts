/** Writes what the choice of a node means for claims that waited for it, and waits until controllers have followed. */
import type { PersistentVolumeClaim } from '../api/core/v1.ts'
import type { Client } from '../client/rest/client.ts'
import { persistentVolumeClaims, persistentVolumes } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import type { NodeInfo } from './cache/node-info.ts'
import type { PodInfo } from './cache/pod-info.ts'
import type { Listers } from './cache/snapshot.ts'
import { type ClaimBinding, planClaimBindings } from './plugins/volume-binding.ts'

/** As upstream's `bindTimeoutSeconds`: after this the pod is scheduled anew. */
const bindLimitMs = 600_000
const checkEveryMs = 250

export type BindClaimsOptions = { readonly client: Client; readonly listers: Listers; readonly clock: Clock }

/** Binds volumes or asks for provisioning on the node. Rejects when the claims are not bound in time. */
export async function bindClaims(
  { client, listers, clock }: BindClaimsOptions,
  pod: PodInfo,
  node: NodeInfo,
  signal: AbortSignal,
): Promise<void> {
  const bindings = planClaimBindings(pod.pod, node, listers)
  if (bindings.length === 0) return
  for (const binding of bindings) await write(client, binding, signal)
  const endMs = clock.now() + bindLimitMs
  while (!bindings.every(({ claim }) => isBound(claim, listers))) {
    if (clock.now() > endMs) throw new Error('binding volumes: context deadline exceeded')
    await clock.sleep(checkEveryMs, signal)
  }
}

async function write(client: Client, binding: ClaimBinding, signal: AbortSignal): Promise<void> {
  const { claim } = binding
  const { name, namespace, uid, resourceVersion } = claim.metadata
  if (binding.type === 'provision') {
    const annotations = { 'volume.kubernetes.io/selected-node': binding.nodeName }
    const body = { metadata: { resourceVersion, annotations } }
    await client.patch(persistentVolumeClaims, { namespace, name }, { type: 'merge', body }, signal)
    return
  }
  const { volume } = binding
  const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion }
  const body = {
    metadata: {
      resourceVersion: volume.metadata.resourceVersion,
      annotations: { 'pv.kubernetes.io/bound-by-controller': 'yes' },
    },
    spec: { claimRef },
  }
  await client.patch(persistentVolumes, { name: volume.metadata.name }, { type: 'merge', body }, signal)
}

function isBound({ metadata }: PersistentVolumeClaim, listers: Listers): boolean {
  const now = listers.claim(metadata.namespace ?? '', metadata.name)
  if (now === undefined) throw new Error(`persistentvolumeclaim "${metadata.name}" not found`)
  return (
    (now.spec?.volumeName ?? '') !== '' && now.metadata.annotations?.['pv.kubernetes.io/bind-completed'] !== undefined
  )
}
