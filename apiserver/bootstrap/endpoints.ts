/** The endpoints of the Service `kubernetes`: one address for each API server that is alive. Source: upstream's lease reconciler. */
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Store } from '../registry/store.ts'
import type { Storage } from '../storage/storage.ts'
import { endLease, leasedAddresses, renewLease } from './endpoint-leases.ts'
import { ensure } from './ensure.ts'
import { type EndpointsDraft, kubernetesEndpoints } from './objects.ts'

export type EndpointsOptions = {
  readonly storage: Storage
  readonly store: Store
  readonly address: string
  readonly port: number
}

/** Says that we are there, and writes who is. Refuses to say that nobody is. */
export async function reconcileEndpoints(options: EndpointsOptions, signal: AbortSignal): Promise<void> {
  await renewLease(options.storage, options.address, signal)
  const addresses = await leasedAddresses(options.storage, signal)
  if (addresses.length === 0) {
    throw new Error(
      'no API server IP addresses were listed in storage, refusing to erase all endpoints for the kubernetes Service',
    )
  }
  await writeEndpoints(options, addresses, signal)
}

/** Says that we are gone, so that nobody is sent here any more. */
export async function removeEndpoints(options: EndpointsOptions, signal: AbortSignal): Promise<void> {
  await endLease(options.storage, options.address, signal)
  await writeEndpoints(options, await leasedAddresses(options.storage, signal), signal)
}

async function writeEndpoints(
  { store, port }: EndpointsOptions,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const object of kubernetesEndpoints(addresses, port)) {
    try {
      await ensure(store, object, (current) => withWanted(current, object), signal)
    } catch (error) {
      // Gone between our look and our write: the next turn makes it again.
      if (!hasReason(error, 'NotFound')) throw error
    }
  }
}

const written = ['subsets', 'endpoints', 'ports']

function withWanted(current: ApiObject, { draft }: EndpointsDraft): ApiObject {
  const wanted = Object.fromEntries(Object.entries(draft).filter(([name]) => written.includes(name)))
  const labels = { ...current.metadata.labels, ...draft.metadata.labels }
  const isRight =
    sameJson(pick(current, Object.keys(wanted)), wanted) && sameJson(current.metadata.labels ?? {}, labels)
  return isRight ? current : { ...current, ...wanted, metadata: { ...current.metadata, labels } }
}

function pick(object: object, names: readonly string[]): object {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)))
}
