/** The two address families. What there is once for each is a `PerFamily`; code for both is written once. Pure. */

/** IPv4 or IPv6. */
export type Family = 'ipv4' | 'ipv6'

/** Something for the families that a network uses. */
export type PerFamily<T> = { readonly [F in Family]?: T }

/** In the order in which upstream does things. */
export const families: readonly Family[] = ['ipv4', 'ipv6']

/** How each family is called by the tools, and where they differ for us. */
export const familyFacts = {
  ipv4: { bits: 32, ipFlag: '-4', iptables: 'iptables', nft: 'ip', multicast: '224.0.0.0/4' },
  ipv6: { bits: 128, ipFlag: '-6', iptables: 'ip6tables', nft: 'ip6', multicast: 'ff00::/8' },
} as const

/** The families of a value that has some. */
export function familiesOf(value: PerFamily<unknown>): readonly Family[] {
  return families.filter((family) => value[family] !== undefined)
}

/** What `make` gives for each family of `families`; what it leaves undefined is left out. */
export function perFamily<T>(wanted: readonly Family[], make: (family: Family) => T | undefined): PerFamily<T> {
  const found = wanted.map((family) => [family, make(family)] as const).filter(([, value]) => value !== undefined)
  // Keys are families and undefined values are gone.
  return Object.fromEntries(found) as PerFamily<T>
}
