/** The node's lease in `kube-node-lease`: the heartbeat that the node lifecycle controller listens to. Source: KEP-589. */

import type { Lease } from '../../api/coordination/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatMicroTime } from '../../apimachinery/time.ts'
import type { Client } from '../../client/rest/client.ts'
import { leases } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'

const namespace = 'kube-node-lease'
/** Renewed four times in its life. */
const renewShare = 0.25
const retryMs = 1000

export type LeaseOptions = {
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  readonly nodeName: string
  readonly durationSeconds: number
  /** Uid of the Node object, which owns the lease. */
  readonly nodeUid: () => string | undefined
}

/** Renews until `signal` aborts. */
export async function renewLease(options: LeaseOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, durationSeconds } = options
  const periodMs = durationSeconds * 1000 * renewShare
  let known: Lease | undefined
  while (!signal.aborted) {
    try {
      known = await renewOnce(options, known, signal)
      await clock.sleep(periodMs, signal)
    } catch (error) {
      if (signal.aborted) break
      known = undefined
      logger.info('Lease was not renewed', { error })
      await clock.sleep(retryMs, signal)
    }
  }
  signal.throwIfAborted()
}

async function renewOnce(options: LeaseOptions, known: Lease | undefined, signal: AbortSignal): Promise<Lease> {
  const { client, nodeName: name } = options
  const lease = known ?? (await readLease(client, name, signal))
  if (lease === undefined) return await client.create(leases, newLease(options), signal)
  const spec = { ...lease.spec, ...leaseSpec(options) }
  const owners = ownerReferences(options)
  return await client.update(
    leases,
    { ...lease, metadata: { ...lease.metadata, ...(owners === undefined ? {} : { ownerReferences: owners }) }, spec },
    signal,
  )
}

async function readLease(client: Client, name: string, signal: AbortSignal): Promise<Lease | undefined> {
  try {
    return await client.get(leases, { namespace, name }, signal)
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}

function newLease(options: LeaseOptions) {
  const owners = ownerReferences(options)
  return {
    apiVersion: 'coordination.k8s.io/v1' as const,
    kind: 'Lease' as const,
    metadata: { name: options.nodeName, namespace, ...(owners === undefined ? {} : { ownerReferences: owners }) },
    spec: leaseSpec(options),
  }
}

function leaseSpec({ nodeName, durationSeconds, clock }: LeaseOptions) {
  return {
    holderIdentity: nodeName,
    leaseDurationSeconds: durationSeconds,
    renewTime: formatMicroTime(clock.now()),
  }
}

function ownerReferences({ nodeName, nodeUid }: LeaseOptions) {
  const uid = nodeUid()
  return uid === undefined ? undefined : [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }]
}
