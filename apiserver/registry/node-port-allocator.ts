/** Node ports of `--service-node-port-range`. */
import { type Bands, pickFree, Reservations, staticBandSize } from './reservation-allocator.ts'

/** Gives out ports of one range. `taken` are the ports that live Services of others hold. */
export type NodePortAllocator = {
  readonly allocate: (port: number, holder: string, taken: ReadonlySet<number>, nowMs: number) => string | undefined
  readonly allocateNext: (holder: string, taken: ReadonlySet<number>, nowMs: number) => number | undefined
  readonly settle: (holder: string, nowMs: number) => void
  readonly caughtUp: (storedUntilMs: number) => void
  readonly release: (holder: string) => void
}

/** An allocator for `30000-32767`. */
export function createNodePortAllocator(
  range: string,
  random: () => number,
  reservations = new Reservations<number>(),
): NodePortAllocator {
  const bands = portBands(range)
  return {
    allocate(port, holder, taken, nowMs) {
      if (port < bands.first || port >= bands.first + bands.size) {
        return `provided port is not in the valid range. The range of valid ports is ${range}`
      }
      if (taken.has(port) || reservations.isHeldByOther(port, holder, nowMs))
        return 'provided port is already allocated'
      reservations.hold(port, holder, nowMs)
      return undefined
    },
    allocateNext(holder, taken, nowMs) {
      const isTaken = (port: bigint): boolean => taken.has(Number(port)) || reservations.isHeld(Number(port), nowMs)
      const port = pickFree(bands, isTaken, random)
      if (port === undefined) return undefined
      reservations.hold(Number(port), holder, nowMs)
      return Number(port)
    },
    settle: (holder, nowMs) => reservations.settle(holder, nowMs),
    caughtUp: (storedUntilMs) => reservations.caughtUp(storedUntilMs),
    release: (holder) => reservations.release(holder),
  }
}

/** `30000-32767`; throws for text that is no range. */
export function portBands(range: string): Bands {
  const [, low = '', high = ''] = /^(\d+)-(\d+)$/.exec(range) ?? []
  const [first, last] = [Number(low), Number(high)]
  if (low === '' || last < first || last > 65535) throw new RangeError(`${range} is not a port range`)
  const size = BigInt(last - first + 1)
  return { first: BigInt(first), size, dynamicOffset: staticBandSize(size, { min: 16n, max: 128n, step: 32n }) }
}
