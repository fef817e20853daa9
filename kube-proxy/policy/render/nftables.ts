/**
 * Policies as a table of nftables, for mode nftables: the same shape as `iptables.ts`, with a verdict map where that
 * walks from profile to profile. The table is policies' own: a new pod waits for its transaction.
 */
import type { Family } from '../../../netfilter/iptables.ts'
import type { NftBlock, NftBlocks, NftChain, NftSet } from '../../../netfilter/nft.ts'
import type { Direction } from '../compile.ts'
import type { PlannedPeers, PlannedPorts, PlannedSet, PlannedTerm, PolicyPlan, Profile } from '../plan.ts'
import { clip } from './iptables.ts'
import { Memo } from './memo.ts'

/** The table, of family `ip` and of `ip6`. */
export const tableName = 'kube-nwplcy'

/** Source: libnftnl, NFTNL_UDATA_COMMENT_MAXLEN, with its final zero. */
const maxComment = 127
const addressTypes = { ip: 'ipv4_addr', ip6: 'ipv6_addr' } as const

/** A renderer for one family; unchanged parts come out as the same objects. */
export function createNftablesRenderer(family: Family): (plan: PolicyPlan) => NftBlocks {
  const memo = new Memo<NftBlock>()
  const base = renderBase(family)
  return (plan) => {
    const profiles = [...plan.profiles.values()].filter(({ name }) => (plan.members.get(name)?.[family].size ?? 0) > 0)
    if (profiles.length === 0) return new Map()
    const used = new Set(profiles.flatMap(({ terms }) => terms.flatMap(setsOf)))
    const blocks = new Map<string, NftBlock>([['policy/base', base]])
    const own = new Set<string>()
    for (const profile of profiles.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const members = plan.members.get(profile.name)?.[family] ?? new Set()
      for (const ip of members) own.add(ip)
      blocks.set(
        `policy/${profile.name}`,
        memo.get(profile.name, [profile, members], () => renderProfile(profile, members, plan.sets, family)),
      )
    }
    for (const set of plan.sets.values()) {
      if (!used.has(set.name) || isNothing(set, family)) continue
      blocks.set(
        `policy/${set.name}`,
        memo.get(set.name, [set.elements[family]], () => renderSet(set, family)),
      )
    }
    const sorted = [...own].toSorted()
    blocks.set(
      'policy/self',
      memo.get('self', [sorted.join(' ')], () => ({
        elements: new Map([['self', new Map(sorted.map((ip) => [`${ip} . ${ip}`, '']))]]),
      })),
    )
    memo.endRound()
    return blocks
  }
}

function renderBase(family: Family): NftBlock {
  const type = addressTypes[family]
  const verdicts: NftSet = { type: 'map', definition: `type ${type} : verdict;` }
  const rules = [
    // What was allowed to begin may go on, in both directions, and with the errors that belong to it.
    'ct state established,related accept',
    // Neighbour discovery of pods on one bridge; conntrack does not track it.
    ...(family === 'ip6' ? ['icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'] : []),
    // A pod reaches itself through a Service whatever its policies say (API documentation).
    `${family} saddr . ${family} daddr @self accept`,
    `${family} saddr vmap @egress`,
    `${family} daddr vmap @ingress`,
  ]
  return {
    sets: new Map<string, NftSet>([
      ['self', { type: 'set', definition: `type ${type} . ${type};` }],
      ['egress', verdicts],
      ['ingress', verdicts],
    ]),
    // After DNAT; before the filter rules of others, which may accept.
    chains: new Map<string, NftChain>([
      ['KUBE-NWPLCY-CHAIN', { hook: 'type filter hook forward priority -10', rules }],
    ]),
  }
}

function renderProfile(
  { name, direction, terms, policies }: Profile,
  members: ReadonlySet<string>,
  sets: PolicyPlan['sets'],
  family: Family,
): NftBlock {
  const rules = [
    ...terms.flatMap((term) => renderTerm(term, direction, sets, family)),
    `drop ${commented('isolated by', policies)}`,
  ]
  return {
    chains: new Map([[name, { rules }]]),
    elements: new Map([[direction, new Map([...members].toSorted().map((ip) => [ip, `: jump ${name}`]))]]),
  }
}

function renderSet(set: PlannedSet, family: Family): NftBlock {
  const address = addressTypes[family]
  const definition = {
    addresses: `type ${address};`,
    subnets: `type ${address}; flags interval;`,
    ports: `type ${address} . inet_proto . inet_service;`,
  }[set.type]
  const entries = [...set.elements[family]].toSorted().map((entry): [string, string] => [entryText(entry), ''])
  return {
    sets: new Map([[set.name, { type: 'set', definition }]]),
    elements: new Map([[set.name, new Map(entries)]]),
  }
}

/** `10.0.0.1,tcp:80` in nft's words. */
function entryText(entry: string): string {
  const comma = entry.indexOf(',')
  if (comma < 0) return entry
  return [entry.slice(0, comma), ...entry.slice(comma + 1).split(':')].join(' . ')
}

function setsOf({ peers, ports }: PlannedTerm): readonly string[] {
  return [...(peers?.type === 'set' ? [peers.name] : []), ...(ports.type === 'set' ? [ports.name] : [])]
}

/** Subnets never come into a set of that name later: their terms are left out. */
function isNothing(set: PlannedSet | undefined, family: Family): boolean {
  return set?.type === 'subnets' && set.elements[family].size === 0
}

function renderTerm(
  { peers, ports, policies }: PlannedTerm,
  direction: Direction,
  sets: PolicyPlan['sets'],
  family: Family,
): readonly string[] {
  const who = renderPeers(peers, direction, sets, family)
  if (who === undefined) return []
  return [
    [who, renderPorts(ports, family), 'return', commented('allowed by', policies)]
      .filter((part) => part !== '')
      .join(' '),
  ]
}

/** `undefined`: nobody in this family. */
function renderPeers(
  peers: PlannedPeers | undefined,
  direction: Direction,
  sets: PolicyPlan['sets'],
  family: Family,
): string | undefined {
  if (peers === undefined) return ''
  const field = `${family} ${direction === 'ingress' ? 'saddr' : 'daddr'}`
  if (peers.type === 'set') return isNothing(sets.get(peers.name), family) ? undefined : `${field} @${peers.name}`
  const subnet = peers.subnet[family]
  if (subnet === undefined) return undefined
  return subnet.endsWith('/0') ? '' : `${field} ${subnet}`
}

function renderPorts(ports: PlannedPorts, family: Family): string {
  if (ports.type === 'any') return ''
  if (ports.type === 'set') return `${family} daddr . meta l4proto . th dport @${ports.name}`
  const protocol = ports.protocol.toLowerCase()
  if (ports.type === 'protocol') return `meta l4proto ${protocol}`
  const texts = ports.ranges.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
  return `${protocol} dport ${texts.length === 1 ? texts[0] : `{ ${texts.join(', ')} }`}`
}

function commented(what: string, policies: readonly string[]): string {
  return `comment "${clip(`${what} ${policies.join(' ')}`, maxComment)}"`
}
