/**
 * Policies as iptables rules and ipsets, for modes iptables and ipvs.
 *
 *   mangle FORWARD ─▶ KUBE-NWPLCY-CHAIN ─ established ─▶ pass
 *                        │ a pod to itself: KUBE-NWPLCY-SELF ─▶ pass
 *                        ▼
 *                     KUBE-NWPLCY-JUDGE ─ from an isolated pod ─▶ KUBE-NWPLCY-EGRESS  ─▶ the profile's chain ─▶ back, or DROP
 *                                       ─ to an isolated pod   ─▶ KUBE-NWPLCY-INGRESS ─▶ the profile's chain ─▶ back, or DROP
 *
 * Chains are entered by `-g` (goto) where a RETURN has to skip the caller too. They hang in `mangle`, not in `filter`,
 * because there nobody accepts packets before us (flanneld, firewalls and kube-proxy itself accept in `filter`), and
 * because a transaction on that small table costs the same however many Services there are: a new pod waits for it.
 * Packets are judged after DNAT and before SNAT. Only FORWARD is judged: what a node and its own pods say to each other
 * is always allowed (API documentation), and that passes OUTPUT and INPUT. IPVS alone sends what pods and clients send
 * to Services through OUTPUT.
 */
import type { Ipset, Ipsets } from '../../../netfilter/ipset.ts'
import type { Family } from '../../../netfilter/iptables.ts'
import type { Jumps } from '../../../netfilter/iptables-restore.ts'
import type { Block, Blocks } from '../../../netfilter/ruleset.ts'
import type { Direction, PortRange } from '../compile.ts'
import type { PlannedPeers, PlannedPorts, PlannedSet, PlannedTerm, PolicyPlan, Profile } from '../plan.ts'
import { membersName } from '../state.ts'
import { Memo } from './memo.ts'

export const chains = {
  main: 'KUBE-NWPLCY-CHAIN',
  self: 'KUBE-NWPLCY-SELF',
  judge: 'KUBE-NWPLCY-JUDGE',
  egress: 'KUBE-NWPLCY-EGRESS',
  ingress: 'KUBE-NWPLCY-INGRESS',
} as const

export type IptablesPolicy = {
  readonly sets: Ipsets
  readonly blocks: Blocks
  readonly jumps: Jumps
}

const setTypes = { addresses: 'hash:ip', subnets: 'hash:net', ports: 'hash:ip,port' } as const
/** Slots of one multiport match; a range takes two. Source: xt_multiport.h, XT_MULTI_PORTS. */
const maxPortSlots = 15
/** Source: xt_comment.h, XT_MAX_COMMENT_LEN, with its final zero. */
const maxComment = 255
const nothing: IptablesPolicy = { sets: new Map(), blocks: new Map(), jumps: new Map() }

/** Sets live in one space for both families, so those of IPv6 have a digit more. */
export function ipsetName(name: string, family: Family): string {
  return family === 'ip' ? name : name.replace('KUBE-NWPLCY-', 'KUBE-NWPLCY6-')
}

/** A renderer for one family; unchanged parts come out as the same objects. `hasIpvs`: OUTPUT is judged too. */
export function createIptablesRenderer(
  family: Family,
  { hasIpvs }: { readonly hasIpvs: boolean },
): (plan: PolicyPlan) => IptablesPolicy {
  const sets = new Memo<Ipset>()
  const blocks = new Memo<Block>()
  return (plan) => {
    const profiles = [...plan.profiles.values()]
      .filter(({ name }) => (plan.members.get(name)?.[family].size ?? 0) > 0)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    if (profiles.length === 0) return nothing
    const members = (each: Profile) => plan.members.get(each.name)?.[family] ?? new Set<string>()
    const rendered: IptablesPolicy = {
      sets: renderSets(plan, profiles, family, sets),
      blocks: new Map([
        [
          'policy/base',
          blocks.get('base', [...profiles, ...profiles.map(members)], () => renderBase(profiles, members, family)),
        ],
        ...profiles.map((profile): [string, Block] => [
          `policy/${profile.name}`,
          blocks.get(profile.name, [profile, ...emptySubnets(plan, profile, family)], () =>
            renderProfile(profile, plan.sets, family),
          ),
        ]),
      ]),
      jumps: policyJumps({ hasIpvs }),
    }
    sets.endRound()
    blocks.endRound()
    return rendered
  }
}

/** The jumps of the kernel's chains, as `iptables-save` prints them. */
export function policyJumps({ hasIpvs }: { readonly hasIpvs: boolean }): Jumps {
  const note = `-m comment --comment "kubernetes network policies" -j ${chains.main}`
  return new Map([
    [
      'mangle',
      new Map([
        ['FORWARD', [note]],
        ...(hasIpvs ? [['OUTPUT', [`-m addrtype ! --src-type LOCAL ${note}`]] as const] : []),
      ]),
    ],
  ])
}

function renderSets(plan: PolicyPlan, profiles: readonly Profile[], family: Family, memo: Memo<Ipset>): Ipsets {
  const used = new Set(profiles.flatMap(({ terms }) => terms.flatMap(setsOf)))
  const sets: Ipset[] = []
  for (const set of plan.sets.values()) {
    if (!used.has(set.name)) continue
    const name = ipsetName(set.name, family)
    sets.push(
      memo.get(name, [set.elements[family]], () => ({
        ...{ name, family },
        type: setTypes[set.type],
        entries: entriesOf(set, family),
      })),
    )
  }
  const guards: Readonly<Record<string, Set<string>>> = {
    [chains.self]: new Set(),
    [chains.egress]: new Set(),
    [chains.ingress]: new Set(),
  }
  for (const { name: profile, direction } of profiles) {
    const entries = plan.members.get(profile)?.[family] ?? new Set()
    const name = ipsetName(membersName(profile), family)
    sets.push(memo.get(name, [entries], () => ({ name, type: 'hash:ip', family, entries })))
    for (const ip of entries) {
      guards[chains[direction]]?.add(ip)
      guards[chains.self]?.add(ip)
    }
  }
  for (const [guard, entries] of Object.entries(guards)) {
    const name = ipsetName(guard, family)
    sets.push({ name, type: 'hash:ip', family, entries })
  }
  return new Map(sets.map((set) => [set.name, set]))
}

/** In ipset's spelling, in which a subnet of one address is that address. */
function entriesOf({ type, elements }: PlannedSet, family: Family): ReadonlySet<string> {
  const entries = elements[family]
  if (type !== 'subnets') return entries
  const single = family === 'ip' ? /\/32$/ : /\/128$/
  return new Set([...entries].map((subnet) => subnet.replace(single, '')))
}

function setsOf({ peers, ports }: PlannedTerm): readonly string[] {
  return [...(peers?.type === 'set' ? [peers.name] : []), ...(ports.type === 'set' ? [ports.name] : [])]
}

/** Subnet sets that have nothing in this family: their terms are left out, and never change without changing name. */
function emptySubnets({ sets }: PolicyPlan, { terms }: Profile, family: Family): readonly PlannedSet[] {
  return terms.flatMap(setsOf).flatMap((name) => {
    const set = sets.get(name)
    return set?.type === 'subnets' && set.elements[family].size === 0 ? [set] : []
  })
}

function renderBase(
  profiles: readonly Profile[],
  members: (profile: Profile) => ReadonlySet<string>,
  family: Family,
): Block {
  const set = (name: string, at: string) => `-m set --match-set ${ipsetName(name, family)} ${at}`
  const own = [...new Set(profiles.flatMap((each) => [...members(each)]))].toSorted()
  const enter = (direction: Direction) =>
    profiles
      .filter((profile) => profile.direction === direction)
      .map(({ name }) => `${set(membersName(name), direction === 'egress' ? 'src' : 'dst')} -g ${name}`)
  return {
    mangle: new Map([
      [
        chains.main,
        [
          // What was allowed to begin may go on, in both directions, and with the errors that belong to it.
          '-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN',
          // Neighbour discovery of pods on one bridge; conntrack does not track it.
          ...(family === 'ip6' ? ndpTypes.map((type) => `-p ipv6-icmp -m icmp6 --icmpv6-type ${type} -j RETURN`) : []),
          `${set(chains.self, 'src')} ${set(chains.self, 'dst')} -g ${chains.self}`,
          `-g ${chains.judge}`,
        ],
      ],
      // A pod reaches itself through a Service whatever its policies say (API documentation).
      [chains.self, [...own.map((ip) => `-s ${ip} -d ${ip} -j RETURN`), `-g ${chains.judge}`]],
      [
        chains.judge,
        [`${set(chains.egress, 'src')} -j ${chains.egress}`, `${set(chains.ingress, 'dst')} -j ${chains.ingress}`],
      ],
      [chains.egress, enter('egress')],
      [chains.ingress, enter('ingress')],
    ]),
  }
}

/** Neighbour solicitation and advertisement. */
const ndpTypes = [135, 136]

function renderProfile(profile: Profile, sets: PolicyPlan['sets'], family: Family): Block {
  const { name, direction, terms, policies } = profile
  const allowed = terms.flatMap((term) => renderTerm(term, direction, sets, family))
  return { mangle: new Map([[name, [...allowed, `${commented('isolated by', policies)} -j DROP`]]]) }
}

function renderTerm(
  { peers, ports, policies }: PlannedTerm,
  direction: Direction,
  sets: PolicyPlan['sets'],
  family: Family,
): readonly string[] {
  const who = renderPeers(peers, direction, sets, family)
  if (who === undefined) return []
  return renderPorts(ports, family).map((what) =>
    [who, what, commented('allowed by', policies), '-j RETURN'].filter((part) => part !== '').join(' '),
  )
}

/** `undefined`: nobody in this family. */
function renderPeers(
  peers: PlannedPeers | undefined,
  direction: Direction,
  sets: PolicyPlan['sets'],
  family: Family,
): string | undefined {
  if (peers === undefined) return ''
  const side = direction === 'ingress' ? 'src' : 'dst'
  if (peers.type === 'set') {
    const set = sets.get(peers.name)
    if (set?.type === 'subnets' && set.elements[family].size === 0) return undefined
    return `-m set --match-set ${ipsetName(peers.name, family)} ${side}`
  }
  const subnet = peers.subnet[family]
  if (subnet === undefined) return undefined
  return subnet.endsWith('/0') ? '' : `-${side.charAt(0)} ${subnet}`
}

function renderPorts(ports: PlannedPorts, family: Family): readonly string[] {
  if (ports.type === 'any') return ['']
  const protocol = ports.protocol.toLowerCase()
  if (ports.type === 'protocol') return [`-p ${protocol}`]
  if (ports.type === 'set') return [`-m set --match-set ${ipsetName(ports.name, family)} dst,dst`]
  return portGroups(ports.ranges).map((ranges) => {
    const texts = ranges.map(([first, last]) => (first === last ? String(first) : `${first}:${last}`))
    return texts.length === 1
      ? `-p ${protocol} -m ${protocol} --dport ${texts[0] ?? ''}`
      : `-p ${protocol} -m multiport --dports ${texts.join(',')}`
  })
}

function portGroups(ranges: readonly PortRange[]): readonly (readonly PortRange[])[] {
  const groups: PortRange[][] = []
  let free = 0
  for (const range of ranges) {
    const slots = range[0] === range[1] ? 1 : 2
    if (slots > free) {
      groups.push([])
      free = maxPortSlots
    }
    groups.at(-1)?.push(range)
    free -= slots
  }
  return groups
}

function commented(what: string, policies: readonly string[]): string {
  return `-m comment --comment "${clip(`${what} ${policies.join(' ')}`, maxComment)}"`
}

/** Cuts a text that is too long for the kernel. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 3)}...`
}

/** The prefix that all chains and sets of ours begin with. */
export const ownPrefix = 'KUBE-NWPLCY'
