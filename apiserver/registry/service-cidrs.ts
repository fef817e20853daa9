/**
 * Addresses of all ServiceCIDRs that may be given out: the ranges of the flags, and every other ServiceCIDR that the controller
 * manager has found ready. Source: KEP-1880.
 */
import type { ServiceCIDR } from '../../api/networking/v1.ts'
import { type ClusterIpAllocator, createClusterIpAllocator, outOfRange, type Refusal } from './cluster-ip-allocator.ts'
import type { ObjectReader } from './reader.ts'
import { Reservations } from './reservation-allocator.ts'
import { kinds, readAll } from './typed-reader.ts'

const defaultName = 'kubernetes'

export type IpFamily = 'IPv4' | 'IPv6'

/** Gives out addresses of every range there is. */
export type ServiceCidrAllocator = Omit<ClusterIpAllocator, 'allocateNext'> & {
  /** What this server's flags have ranges of; the first is for Services that do not say. */
  readonly families: readonly IpFamily[]
  readonly allocateNext: (
    family: IpFamily,
    ...input: Parameters<ClusterIpAllocator['allocateNext']>
  ) => string | undefined
}

/** Pure: the ranges that addresses may come from now; those of the flags until the default ServiceCIDR is there. */
export function usableCidrs(objects: readonly ServiceCIDR[], defaultCidrs: readonly string[]): readonly string[] {
  const isReady = ({ metadata, status }: ServiceCIDR): boolean => {
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status
    // The default one is used before this server has come to call it ready.
    return metadata.deletionTimestamp === undefined && (ready ?? (metadata.name === defaultName && 'True')) === 'True'
  }
  const hasDefault = objects.some(({ metadata }) => metadata.name === defaultName)
  const ready = objects.filter(isReady).flatMap(({ spec }) => spec.cidrs ?? [])
  return [...new Set([...(hasDefault ? [] : defaultCidrs), ...ready])]
}

/** The family of an address or a range. */
export function familyOf(text: string): IpFamily {
  return text.includes(':') ? 'IPv6' : 'IPv4'
}

/** One allocator for all of them. */
export function createServiceCidrAllocator(
  defaultCidrs: readonly string[],
  reader: ObjectReader,
  random: () => number,
): ServiceCidrAllocator {
  // Ranges may overlap: what is held of one is held of all.
  const reservations = new Reservations<string>()
  const known = new Map<string, ClusterIpAllocator | undefined>()
  const current = (family: IpFamily): readonly ClusterIpAllocator[] =>
    usableCidrs(readAll(reader, kinds.serviceCidrs), defaultCidrs).flatMap((cidr) => {
      if (familyOf(cidr) !== family) return []
      if (!known.has(cidr)) known.set(cidr, allocatorOf(cidr, random, reservations))
      return known.get(cidr) ?? []
    })
  return {
    families: defaultCidrs.map(familyOf),
    allocate: (address, ...input) => {
      let refusal: Refusal = outOfRange
      for (const allocator of current(familyOf(address))) {
        refusal = allocator.allocate(address, ...input)
        if (refusal !== outOfRange) break
      }
      return refusal
    },
    allocateNext: (family, ...input) => {
      for (const allocator of current(family)) {
        const address = allocator.allocateNext(...input)
        if (address !== undefined) return address
      }
      return undefined
    },
    settle: (holder, nowMs) => reservations.settle(holder, nowMs),
    caughtUp: (storedUntilMs) => reservations.caughtUp(storedUntilMs),
    release: (holder) => reservations.release(holder),
  }
}

/** Ranges of a size that the allocator does not know are left alone. */
function allocatorOf(
  cidr: string,
  random: () => number,
  reservations: Reservations<string>,
): ClusterIpAllocator | undefined {
  try {
    return createClusterIpAllocator(cidr, random, reservations)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}
