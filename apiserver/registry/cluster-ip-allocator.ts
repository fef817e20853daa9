/** Cluster IPs of one range, IPv4 or IPv6. Source: upstream's `ipallocator`. */
import {
  formatAddress,
  lastAddress,
  offsetAddress,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../../component-base/ip-address.ts'
import { type Bands, pickFree, Reservations, staticBandSize } from './reservation-allocator.ts'

/** What the allocator says to a wish: `undefined` is yes. */
export type Refusal = string | undefined

/** Gives out addresses. `taken` are those that live Services of others hold, in their canonical spelling. */
export type ClusterIpAllocator = {
  readonly allocate: (address: string, holder: string, taken: ReadonlySet<string>, nowMs: number) => Refusal
  readonly allocateNext: (holder: string, taken: ReadonlySet<string>, nowMs: number) => string | undefined
  readonly settle: (holder: string, nowMs: number) => void
  readonly caughtUp: (storedUntilMs: number) => void
  readonly release: (holder: string) => void
}

/** What is said of an address of no range. */
export const outOfRange = 'the provided network does not match the current range'

/** No IPv6 range larger than this is given out. Source: `NewIPAllocator`. */
const shortestIpv6Prefix = 64

/** An allocator for `cidr`; throws `RangeError` for what is no range, or an IPv6 range larger than a /64. */
export function createClusterIpAllocator(
  cidr: string,
  random: () => number,
  reservations = new Reservations<string>(),
): ClusterIpAllocator {
  const range = rangeOf(cidr)
  const bands = addressBands(range)
  const textOf = (value: bigint): string => formatAddress({ ...range.base, value })
  return {
    allocate(text, holder, taken, nowMs) {
      const address = parseAddress(text)
      const offset = address?.bits === range.base.bits ? address.value - bands.first : -1n
      if (address === undefined || offset < 0n || offset >= bands.size) return outOfRange
      const canonical = formatAddress(address)
      if (taken.has(canonical) || reservations.isHeldByOther(canonical, holder, nowMs)) {
        return 'provided IP is already allocated'
      }
      reservations.hold(canonical, holder, nowMs)
      return undefined
    },
    allocateNext(holder, taken, nowMs) {
      const isTaken = (value: bigint): boolean => taken.has(textOf(value)) || reservations.isHeld(textOf(value), nowMs)
      const value = pickFree(bands, isTaken, random)
      if (value === undefined) return undefined
      reservations.hold(textOf(value), holder, nowMs)
      return textOf(value)
    },
    settle: (holder, nowMs) => reservations.settle(holder, nowMs),
    caughtUp: (storedUntilMs) => reservations.caughtUp(storedUntilMs),
    release: (holder) => reservations.release(holder),
  }
}

function rangeOf(cidr: string): Subnet {
  const range = parseSubnet(cidr)
  if (range === undefined) throw new RangeError(`service cluster IP range ${cidr} is not a CIDR`)
  if (range.base.bits === 128 && range.prefix < shortestIpv6Prefix) {
    throw new RangeError(
      `shortest allowed prefix length for service CIDR is ${shortestIpv6Prefix}, got ${range.prefix}: ${cidr}`,
    )
  }
  return range
}

/** The usable addresses: without the network's own and, of IPv4, the broadcast address. */
export function addressBands(range: Subnet): Bands {
  const { base } = range
  const total = 1n << BigInt(base.bits - range.prefix)
  const last = lastAddress(range).value - (base.bits === 32 ? 1n : 0n)
  const size = last - base.value
  return {
    first: base.value + 1n,
    size: size > 0n ? size : 0n,
    dynamicOffset: staticBandSize(total, { min: 16n, max: 256n, step: 16n }),
  }
}

/** The first usable address of a range, which the Service `kubernetes` has. */
export function firstAddress(cidr: string): string {
  return formatAddress(offsetAddress(rangeOf(cidr).base, 1n))
}
