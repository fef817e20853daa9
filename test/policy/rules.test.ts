/** The compiled plan and the rendered rules say what the oracle says, for every case and every connection. */
import { expect, test, vi } from 'vitest'
import type { Direction } from '../../kube-proxy/policy/compile.ts'
import { emptyPlan, type PlannedTerm, type PolicyPlan } from '../../kube-proxy/policy/plan.ts'
import { familyOf } from '../../kube-proxy/policy/pod.ts'
import { createIptablesRenderer } from '../../kube-proxy/policy/render/iptables.ts'
import { createNftablesRenderer, tableName } from '../../kube-proxy/policy/render/nftables.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { flatten } from '../../netfilter/ruleset.ts'
import { isInside, type TraceOptions, tracePacket } from '../../netfilter/trace.ts'
import { tableOf, traceNft } from '../../netfilter/trace-nft.ts'
import { type Case, cases } from './cases.ts'
import { addressesOf, type Judged, judge, nodeNames, nodesOf, packetOf, planOn, textOf } from './matrix.ts'
import type { Connection, Policy } from './oracle.ts'

// Hundreds of thousands of packets.
vi.setConfig({ testTimeout: 240_000 })

const families = ['ip', 'ip6'] as const

/** Connections about which `passes` disagrees with the oracle. */
function differences(each: Case, passes: (connection: Connection) => boolean): readonly string[] {
  return judge(each)
    .filter(({ connection, isAllowed }) => passes(connection) !== isAllowed)
    .map(({ connection, isAllowed }: Judged) => `${textOf(connection)} should ${isAllowed ? 'pass' : 'be dropped'}`)
}

function plansOf(policies: readonly Policy[]): ReadonlyMap<string, PolicyPlan> {
  return new Map(nodeNames.map((node) => [node, planOn(node, policies)]))
}

test('cases are many and named once', () => {
  expect(cases.length).toBeGreaterThan(230)
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
})

test('PolicyState.plan() allows what the documentation allows, in every case', () => {
  for (const each of cases) {
    const plans = plansOf(each.policies)
    expect(
      differences(each, (connection) =>
        nodesOf(connection).every((node) => planAllows(node, plans.get(node), connection)),
      ),
      each.name,
    ).toEqual([])
  }
})

/** The plan read without rules: both ends of the packet that are isolated on this node must have a term for it. */
function planAllows(node: string, plan: PolicyPlan | undefined, { from, to, port, protocol }: Connection): boolean {
  if (from.ip === to.ip || (from.type === 'node' && from.name === node) || (to.type === 'node' && to.name === node)) {
    return true
  }
  const family = familyOf(to.ip)
  const isIn = (name: string, entry: string) => {
    const set = plan?.sets.get(name)
    if (set?.type !== 'subnets') return set?.elements[family].has(entry) ?? false
    return [...set.elements[family]].some((subnet) => isInside(entry, subnet))
  }
  const holds = ({ peers, ports }: PlannedTerm, other: string) => {
    const subnet = peers?.type === 'subnet' ? peers.subnet[family] : undefined
    if (peers?.type === 'subnet' && (subnet === undefined || !isInside(other, subnet))) return false
    if (peers?.type === 'set' && !isIn(peers.name, other)) return false
    if (ports.type === 'any') return true
    if (ports.type === 'set') return isIn(ports.name, `${to.ip},${protocol.toLowerCase()}:${port}`)
    if (ports.protocol !== protocol) return false
    return ports.type === 'protocol' || ports.ranges.some(([first, last]) => port >= first && port <= last)
  }
  const passes = (direction: Direction, self: string, other: string) =>
    [...(plan?.profiles.values() ?? [])]
      .filter((profile) => profile.direction === direction && plan?.members.get(profile.name)?.[family].has(self))
      .every(({ terms }) => terms.some((term) => holds(term, other)))
  return passes('egress', from.ip, to.ip) && passes('ingress', to.ip, from.ip)
}

test('createIptablesRenderer() makes rules and sets that allow what the documentation allows, in every case', () => {
  for (const each of cases) {
    const plans = plansOf(each.policies)
    const traces = new Map(
      nodeNames.flatMap((node) =>
        families.map((family) => [`${node} ${family}`, traceOptions(plans.get(node), family, node)]),
      ),
    )
    const passes = (connection: Connection) =>
      nodesOf(connection).every((node) => {
        const options = traces.get(`${node} ${familyOf(connection.to.ip)}`)
        return options === undefined || tracePacket(packetOf(connection), options).verdict === 'ACCEPT'
      })
    expect(differences(each, passes), each.name).toEqual([])
  }
})

function traceOptions(plan: PolicyPlan | undefined, family: Family, node: string): TraceOptions {
  const render = createIptablesRenderer(family, { hasIpvs: false })
  const { sets, blocks, jumps } = render(plan ?? emptyPlan)
  const tables = new Map(flatten(blocks))
  tables.set('mangle', new Map([...(tables.get('mangle') ?? []), ...(jumps.get('mangle') ?? [])]))
  return { tables, sets, localAddresses: addressesOf(node) }
}

test('createNftablesRenderer() makes a table that allows what the documentation allows, in every case', () => {
  for (const each of cases) {
    const plans = plansOf(each.policies)
    const options = new Map(
      nodeNames.map((node) => {
        const plan = plans.get(node) ?? emptyPlan
        const tables = families.map((family) => tableOf(tableName, family, createNftablesRenderer(family)(plan)))
        return [node, { tables, localAddresses: addressesOf(node) }]
      }),
    )
    const passes = (connection: Connection) =>
      nodesOf(connection).every((node) => {
        const of = options.get(node)
        return of === undefined || traceNft(packetOf(connection), of).verdict === 'ACCEPT'
      })
    expect(differences(each, passes), each.name).toEqual([])
  }
})
