/**
 * Addresses of all ServiceCIDRs that may be given out: the range of the flags, and every other ServiceCIDR that the controller
 * manager has found ready. Source: KEP-1880.
 */
import type { ServiceCIDR } from '../../api/networking/v1.ts'
import { type ClusterIpAllocator, createClusterIpAllocator } from './cluster-ip-allocator.ts'
import type { ObjectReader } from './reader.ts'
import { Reservations } from './reservation-allocator.ts'
import { kinds, readAll } from './typed-reader.ts'

const defaultName = 'kubernetes'
const outOfRange = 'the provided network does not match the current range'

/** Pure: the IPv4 ranges that addresses may come from now, the default one first. */
export function usableCidrs(objects: readonly ServiceCIDR[], defaultCidr: string): readonly string[] {
  const isReady = ({ metadata, status }: ServiceCIDR): boolean =>
    metadata.deletionTimestamp === undefined &&
    (metadata.name === defaultName ||
      (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True'))
  const isDefaultGoing = objects.some(
    ({ metadata }) => metadata.name === defaultName && metadata.deletionTimestamp !== undefined,
  )
  const others = objects.filter(isReady).flatMap(({ spec }) => spec.cidrs ?? [])
  return [...new Set([...(isDefaultGoing ? [] : [defaultCidr]), ...others])].filter((cidr) => !cidr.includes(':'))
}

/** One allocator for all of them. */
export function createServiceCidrAllocator(
  defaultCidr: string,
  reader: ObjectReader,
  random: () => number,
): ClusterIpAllocator {
  const first = createClusterIpAllocator(defaultCidr, random)
  // Ranges may overlap: what is held of one is held of all.
  const reservations = new Reservations()
  const known = new Map<string, ClusterIpAllocator | undefined>()
  const current = (): readonly ClusterIpAllocator[] =>
    usableCidrs(readAll(reader, kinds.serviceCidrs), defaultCidr).flatMap((cidr) => {
      if (!known.has(cidr)) known.set(cidr, allocatorOf(cidr, random, reservations))
      return known.get(cidr) ?? []
    })
  return {
    cidr: defaultCidr,
    firstAddress: first.firstAddress,
    allocate: (...input) => {
      let refusal: string | undefined = outOfRange
      for (const allocator of current()) {
        refusal = allocator.allocate(...input)
        if (refusal !== outOfRange) break
      }
      return refusal
    },
    allocateNext: (...input) => {
      for (const allocator of current()) {
        const address = allocator.allocateNext(...input)
        if (address !== undefined) return address
      }
      return undefined
    },
    settle: (holder, nowMs) => reservations.settle(holder, nowMs),
    release: (holder) => reservations.release(holder),
  }
}

/** Ranges of a size that the allocator does not know are left alone. */
function allocatorOf(cidr: string, random: () => number, reservations: Reservations): ClusterIpAllocator | undefined {
  try {
    return createClusterIpAllocator(cidr, random, reservations)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
