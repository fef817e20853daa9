/**
 * Events are forgotten by etcd through leases. A lease per event would cost a write each, so keys written shortly after
 * one another share one, as upstream's lease manager does.
 */

/** A lease is shared for at most this share of its lifetime, or this long, and by so many keys. */
const reuseShare = 0.05
const longestReuseSeconds = 60
const maxKeysPerLease = 1000

type Shared = { readonly id: Promise<string>; readonly usableUntilMs: number; keys: number }

export type LeasePool = {
  /** The id of a lease that lives at least `ttlSeconds` from now. */
  readonly take: (ttlSeconds: number, signal: AbortSignal) => Promise<string>
}

/** `grant` asks the store for a new lease. */
export function createLeasePool(
  grant: (ttlSeconds: number, signal: AbortSignal) => Promise<string>,
  now: () => number,
): LeasePool {
  const shared = new Map<number, Shared>()
  return {
    async take(ttlSeconds, signal) {
      const found = shared.get(ttlSeconds)
      if (found !== undefined && now() < found.usableUntilMs && found.keys < maxKeysPerLease) {
        found.keys += 1
        return await found.id
      }
      const reuseSeconds = Math.min(longestReuseSeconds, Math.ceil(ttlSeconds * reuseShare))
      const id = grant(ttlSeconds + reuseSeconds, signal)
      shared.set(ttlSeconds, { id, usableUntilMs: now() + reuseSeconds * 1000, keys: 1 })
      try {
        return await id
      } catch (error) {
        if (shared.get(ttlSeconds)?.id === id) shared.delete(ttlSeconds)
        throw error
      }
    },
  }
}
