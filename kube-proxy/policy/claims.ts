/**
 * Addresses that the CNI plugin gave to pods whose status does not say so yet. The kubelet reports an address only after
 * the pod's network is complete; the rules must not wait for that.
 */
import type { Pod } from '../../api/core/v1.ts'

/** A pod as the runtime names it, with the addresses that it has just been given. */
export type Claim = {
  readonly namespace: string
  readonly name: string
  /** Empty when the runtime does not tell. */
  readonly uid: string
  readonly ips: readonly string[]
}

/** The kubelet gives static pods this annotation; the runtime knows them by it and not by the uid in the API. */
const staticHash = 'kubernetes.io/config.hash'

/** Whether the claim is about this object, and not about another pod of the same name. */
export function isAbout({ uid }: Pick<Claim, 'uid'>, { metadata }: Pod): boolean {
  return uid === '' || uid === metadata.uid || uid === metadata.annotations?.[staticHash]
}

/** Claims by `namespace/name`. There are at most as many as pods on the node. */
export class Claims {
  readonly #claims: Map<string, Claim>

  constructor(known: readonly Claim[] = []) {
    this.#claims = new Map(known.map((claim) => [`${claim.namespace}/${claim.name}`, claim]))
  }

  list(): readonly Claim[] {
    return [...this.#claims.values()]
  }

  add(claim: Claim): void {
    this.#claims.set(`${claim.namespace}/${claim.name}`, claim)
  }

  /** The addresses to take for the pod; forgets the claim once the pod's status says the same. */
  of(key: string, pod: Pod): readonly string[] | undefined {
    const claim = this.#claims.get(key)
    if (claim === undefined || !isAbout(claim, pod)) return undefined
    const reported = new Set((pod.status?.podIPs ?? []).map(({ ip }) => ip))
    if (claim.ips.every((ip) => reported.has(ip))) this.#claims.delete(key)
    return claim.ips
  }

  remove(key: string): void {
    this.#claims.delete(key)
  }
}
