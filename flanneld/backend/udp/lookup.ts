/** Finds the peer of a destination: the longest prefix wins. */
import { maskOf } from '../../ipv4.ts'
import type { Peer } from './shared.ts'

/** The peers, found by destination or by host address. */
export class PeerTable<Target> {
  readonly #masks: readonly number[]
  readonly #targets: readonly ReadonlyMap<number, Target>[]
  readonly #senders: ReadonlySet<number>

  /** `targetOf` makes what `find` returns, once per peer. */
  constructor(peers: readonly Peer[], targetOf: (peer: Peer) => Target) {
    const prefixes = [...new Set(peers.map(({ subnet }) => subnet.prefix))].sort((a, b) => b - a)
    this.#masks = prefixes.map((prefix) => maskOf(prefix) | 0)
    this.#targets = prefixes.map((prefix) => {
      const group = peers.filter(({ subnet }) => subnet.prefix === prefix)
      return new Map(group.map((peer) => [peer.subnet.address | 0, targetOf(peer)]))
    })
    this.#senders = new Set(peers.map(({ address }) => address | 0))
  }

  /** The target for a destination address. */
  find(destination: number): Target | undefined {
    for (let i = 0; i < this.#masks.length; i += 1) {
      const target = this.#targets[i]?.get(destination & (this.#masks[i] ?? 0))
      if (target !== undefined) return target
    }
    return undefined
  }

  /** Whether a host of this address holds a lease. */
  knows(sender: number): boolean {
    return this.#senders.has(sender | 0)
  }
}
