/** Finds the peer of a destination: the longest prefix wins. */
import { maskOf } from '../../ipv4.ts'
import type { Peer } from './shared.ts'

/** Peers in the order of their first byte in memory, found by destination or by host address. */
export class PeerTable<Target> {
  readonly #byPrefix: readonly { readonly mask: number; readonly targets: ReadonlyMap<number, Target> }[]
  readonly #senders: ReadonlySet<number>

  /** `targetOf` makes what `find` returns, once per peer. */
  constructor(peers: readonly Peer[], targetOf: (peer: Peer) => Target) {
    const prefixes = [...new Set(peers.map(({ subnet }) => subnet.prefix))].sort((a, b) => b - a)
    this.#byPrefix = prefixes.map((prefix) => {
      const group = peers.filter(({ subnet }) => subnet.prefix === prefix)
      return {
        mask: maskOf(prefix) | 0,
        targets: new Map(group.map((peer) => [peer.subnet.address | 0, targetOf(peer)])),
      }
    })
    this.#senders = new Set(peers.map(({ address }) => address | 0))
  }

  /** The target for a destination address. */
  find(destination: number): Target | undefined {
    for (const { mask, targets } of this.#byPrefix) {
      const target = targets.get(destination & mask)
      if (target !== undefined) return target
    }
    return undefined
  }

  /** Whether a host of this address holds a lease. */
  knows(sender: number): boolean {
    return this.#senders.has(sender | 0)
  }
}
