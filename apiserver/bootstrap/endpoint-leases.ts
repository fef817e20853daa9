/**
 * Which API servers are there, as upstream counts them: each keeps `/registry/masterleases/<address>` alive, and the endpoints of
 * the Service `kubernetes` are what is there. The value is an Endpoints object whose generation moves with every renewal.
 */
import type { Storage } from '../storage/storage.ts'

const prefix = '/registry/masterleases/'
/** Source: `DefaultEndpointReconcilerTTL`. */
const ttlSeconds = 15
const mostServers = 1_000
const maxAttempts = 10

type LeaseObject = {
  readonly metadata?: { readonly generation?: number }
  readonly subsets?: readonly { readonly addresses?: readonly { readonly ip?: string }[] }[]
}

/** Keeps our own lease alive for a while longer. */
export async function renewLease(storage: Storage, address: string, signal: AbortSignal): Promise<void> {
  const key = prefix + address
  let current = await storage.get(key, signal)
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const generation = (current === undefined ? 0 : (decode(current.value).metadata?.generation ?? 0)) + 1
    const value = Buffer.from(
      JSON.stringify({
        kind: 'Endpoints',
        apiVersion: 'v1',
        metadata: { generation },
        subsets: [{ addresses: [{ ip: address }] }],
      }),
    )
    const expectedRevision = current?.modRevision ?? 0
    const result = await storage.put(key, value, { expectedRevision, ttlSeconds }, signal)
    if (result.written) return
    current = result.current
  }
  throw new Error(`the lease ${key} changes too quickly`)
}

/** The addresses of all API servers that are alive, sorted. */
export async function leasedAddresses(storage: Storage, signal: AbortSignal): Promise<readonly string[]> {
  const { items } = await storage.list(prefix, { limit: mostServers }, signal)
  const addresses = items.map(({ value }) => decode(value).subsets?.[0]?.addresses?.[0]?.ip ?? '')
  return [...new Set(addresses.filter((address) => address !== ''))].toSorted()
}

/** Ends our own lease. */
export async function endLease(storage: Storage, address: string, signal: AbortSignal): Promise<void> {
  const found = await storage.get(prefix + address, signal)
  if (found !== undefined) await storage.delete(found.key, found.modRevision, signal)
}

/** A value that no server of ours or upstream's in JSON has written counts for nothing. */
function decode(value: Buffer): LeaseObject {
  try {
    return JSON.parse(value.toString('utf8')) as LeaseObject
  } catch {
    return {}
  }
}
