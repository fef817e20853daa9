/** The node's own addresses and the order in which its pods show theirs. Pure. */
import { isIP } from 'node:net'

/** A pod has one address of each family at most. */
const maxAddresses = 2

/**
 * The addresses of `--node-ip`: one, or one of each family; what is no address is left out. Without any, and for `0.0.0.0` and
 * `::`, the machine's first address of the family. Throws for other pairs. Source: upstream's `ParseNodeIPArgument`.
 */
export function nodeIpsOf(flag: string, hostAddresses: readonly string[]): readonly string[] {
  const given = flag.split(',').flatMap((text) => (isIP(text.trim()) === 0 ? [] : [text.trim()]))
  const [first, second] = given
  const bad = (what: string) => new Error(`bad --node-ip "${flag}": ${what}`)
  if (given.length > maxAddresses || (second !== undefined && isIP(first ?? '') === isIP(second))) {
    throw bad('must contain either a single IP or a dual-stack pair of IPs')
  }
  if (first === undefined) return firstOf(hostAddresses, 4) ?? firstOf(hostAddresses, 6) ?? []
  if (second === undefined) {
    return first === '0.0.0.0' || first === '::' ? (firstOf(hostAddresses, isIP(first)) ?? []) : [first]
  }
  if (given.some((ip) => ip === '0.0.0.0' || ip === '::')) {
    throw bad("dual-stack node IP cannot include '0.0.0.0' or '::'")
  }
  return given
}

function firstOf(addresses: readonly string[], family: number): readonly string[] | undefined {
  const found = addresses.find((address) => isIP(address) === family)
  return found === undefined ? undefined : [found]
}

/** One address of each family, the node's first family first. Source: upstream's `sortPodIPs`. */
export function sortPodIps(ips: readonly string[], nodeIps: readonly string[]): readonly string[] {
  const primary = isIP(nodeIps[0] ?? '') === 6 ? 6 : 4
  return [primary, primary === 4 ? 6 : 4].flatMap((family) => ips.find((ip) => isIP(ip) === family) ?? [])
}

/** The addresses of a pod on the node's network: those that it had, and the node's second one when it has come to have one. */
export function hostNetworkIps(kept: readonly string[], nodeIps: readonly string[]): readonly string[] {
  const [first, second] = nodeIps
  const [own = first] = kept
  if (own === undefined) return []
  if (kept.length > 1) return kept
  return second !== undefined && isIP(second) !== isIP(own) ? [own, second] : [own]
}
