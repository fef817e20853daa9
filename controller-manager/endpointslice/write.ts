import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { assertNever } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import { endpointSlices as slicesRef } from '../../client/rest/resource-refs.ts'
import type { SliceChange } from './reconcile.ts'

/** Writes one change; returns the slice as written, `undefined` when it is gone. */
export async function writeSlice(
  client: Client,
  change: SliceChange,
  signal: AbortSignal,
): Promise<EndpointSlice | undefined> {
  switch (change.type) {
    case 'create':
      return await client.create(slicesRef, change.draft, signal)
    case 'update':
      return await client.update(slicesRef, change.slice, signal)
    case 'delete': {
      const { namespace, name } = change.slice.metadata
      try {
        await client.delete(slicesRef, { namespace, name }, {}, signal)
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
      return undefined
    }
    default:
      return assertNever(change)
  }
}
