/** Cluster IPs of `--service-cluster-ip-range`, IPv4. */
import { isIPv4 } from 'node:net'
import { type Bands, pickFree, Reservations, staticBandSize } from './reservation-allocator.ts'

/** What the allocator says to a wish: `undefined` is yes. */
export type Refusal = string | undefined

/** Gives out addresses of one range. `taken` are the addresses that live Services of others hold. */
export type ClusterIpAllocator = {
  readonly cidr: string
  /** The address that the `kubernetes` Service has: the first of the range. */
  readonly firstAddress: string
  readonly allocate: (address: string, holder: string, taken: ReadonlySet<string>, nowMs: number) => Refusal
  readonly allocateNext: (holder: string, taken: ReadonlySet<string>, nowMs: number) => string | undefined
  readonly settle: (holder: string, nowMs: number) => void
  readonly release: (holder: string) => void
}

/** An allocator for `cidr`; throws for anything but an IPv4 range of at most a /12's size. */
export function createClusterIpAllocator(
  cidr: string,
  random: () => number,
  reservations = new Reservations(),
): ClusterIpAllocator {
  const bands = addressBands(cidr)
  const isInRange = (value: number): boolean => value >= bands.first && value < bands.first + bands.size
  return {
    cidr,
    firstAddress: formatIpv4(bands.first),
    allocate(address, holder, taken, nowMs) {
      const value = parseIpv4(address)
      if (value === undefined || !isInRange(value)) return 'the provided network does not match the current range'
      if (taken.has(address) || reservations.isHeldByOther(value, holder, nowMs)) {
        return 'provided IP is already allocated'
      }
      reservations.hold(value, holder, nowMs)
      return undefined
    },
    allocateNext(holder, taken, nowMs) {
      const isTaken = (value: number): boolean => taken.has(formatIpv4(value)) || reservations.isHeld(value, nowMs)
      const value = pickFree(bands, isTaken, random)
      if (value === undefined) return undefined
      reservations.hold(value, holder, nowMs)
      return formatIpv4(value)
    },
    settle: (holder, nowMs) => reservations.settle(holder, nowMs),
    release: (holder) => reservations.release(holder),
  }
}

/** The usable addresses: without the network's own and the broadcast address. */
export function addressBands(cidr: string): Bands {
  const [address = '', prefix = ''] = cidr.split('/')
  const base = parseIpv4(address)
  const bits = 32 - Number(prefix)
  if (base === undefined || prefix === '' || !(bits >= 2 && bits <= 20)) {
    throw new RangeError(`service cluster IP range ${cidr} must be an IPv4 range between /12 and /30`)
  }
  const total = 2 ** bits
  const first = base - (base % total) + 1
  const size = total - 2
  return { first, size, dynamicOffset: staticBandSize(size, 16, 256, 16) }
}

function parseIpv4(text: string): number | undefined {
  if (!isIPv4(text)) return undefined
  return text.split('.').reduce((value, part) => value * 256 + Number(part), 0)
}

function formatIpv4(value: number): string {
  return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.')
}
