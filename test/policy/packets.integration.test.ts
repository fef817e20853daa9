/**
 * The policy matrix with real packets: nine pods on two nodes, each a network namespace. Policies are applied case after
 * case by the real appliers; what gets through must be what the oracle says.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import type { PolicyApplier } from '../../kube-proxy/policy/apply/applier.ts'
import { createIptablesApplier } from '../../kube-proxy/policy/apply/iptables.ts'
import { createNftablesApplier } from '../../kube-proxy/policy/apply/nftables.ts'
import { Testbed, type TestbedProbe } from '../packets/testbed.ts'
import { type Case, cases } from './cases.ts'
import { layout, podNames } from './cluster.ts'
import { type Judged, judge, planOn, textOf } from './matrix.ts'

const signal = new AbortController().signal
/** A probe that nobody answers in this time was dropped; the whole way is a few bridges. */
const dropMs = 250
const patienceMs = 10_000

/** Cases about ports, each of one pod: nine of them fit into the cluster at once, and the oracle judges them together. */
function packed(): readonly Case[] {
  const single = cases.filter(({ isAboutPorts }) => isAboutPorts === true)
  return Array.from({ length: Math.ceil(single.length / podNames.length) }, (_, row) => {
    const together = single.slice(row * podNames.length, (row + 1) * podNames.length)
    return {
      name: together.map(({ name }) => name).join(' + '),
      policies: together.flatMap(({ policies }, index) => {
        const [namespace = '', letter = ''] = podNames[index]?.split('-') ?? []
        return policies.map(({ name, spec }) => ({
          ...{ namespace, name: `${name}-${letter}` },
          spec: { ...spec, podSelector: { matchLabels: { pod: letter } } },
        }))
      }),
    }
  })
}

/** For each kind of rules other cases, so that a run is a matter of a minute; the tracers see all of them. */
function sample(part: number): readonly Case[] {
  const others = cases.filter(({ isAboutPorts }) => isAboutPorts !== true)
  return [...packed().filter((_, index) => index % 2 === part), ...others.filter((_, index) => index % 4 === part)]
}

let bed: Testbed

beforeAll(async () => {
  bed = await Testbed.open(layout)
  await bed.addPlainRoutes()
  for (const port of [80, 81, 82]) await bed.listen(podNames, port)
  for (const { name } of layout.nodes) {
    for (const tables of ['iptables', 'ip6tables']) {
      await bed.inside(name, 'sysctl', '-qw', `net.bridge.bridge-nf-call-${tables}=1`)
    }
  }
  await bed.settle()
}, 120_000)

afterAll(async () => {
  await bed?.close()
})

const kinds = {
  iptables: (family: 'ip' | 'ip6', namespace: string) => createIptablesApplier({ family, namespace, hasIpvs: false }),
  nftables: (family: 'ip' | 'ip6', namespace: string) =>
    createNftablesApplier({ family, namespace, clock: systemClock }),
} as const

type Appliers = readonly { readonly node: string; readonly applier: PolicyApplier }[]

function appliersOf(kind: keyof typeof kinds): Appliers {
  return layout.nodes.flatMap(({ name }) =>
    (['ip', 'ip6'] as const).map((family) => ({ node: name, applier: kinds[kind](family, bed.namespace(name)) })),
  )
}

async function apply(appliers: Appliers, { policies }: Case): Promise<void> {
  await Promise.all(appliers.map(async ({ node, applier }) => await applier.apply(planOn(node, policies), signal)))
}

/** Connections that can be tried: between pods; where ports do not matter, SCTP to one of them is enough. */
function triable(each: Case): readonly Judged[] {
  return judge(each).filter(
    ({ connection: { from, to, protocol, port } }) =>
      from.type === 'pod' &&
      to.type === 'pod' &&
      from.pod !== to.pod &&
      (protocol !== 'SCTP' || port === 80 || each.isAboutPorts === true),
  )
}

function probeOf({ connection: { from, to, port, protocol } }: Judged): TestbedProbe {
  const name = from.type === 'pod' ? `${from.pod.namespace}-${from.pod.name}` : ''
  return { from: name, ip: to.ip, port, protocol }
}

/** What must pass is waited for, also on a busy machine; what must not pass is waited for in vain. */
async function differences(each: Case): Promise<readonly string[]> {
  const all = triable(each)
  const [allowed, denied] = [all.filter(({ isAllowed }) => isAllowed), all.filter(({ isAllowed }) => !isAllowed)]
  const passed = await bed.probe(denied.map(probeOf), dropMs)
  const arrived = await bed.probe(allowed.map(probeOf), patienceMs)
  return [
    ...denied.filter((_, at) => passed[at]?.verdict === 'delivered').map((one) => `${textOf(one.connection)} passes`),
    ...allowed
      .filter((_, at) => arrived[at]?.verdict !== 'delivered')
      .map((one) => `${textOf(one.connection)} is dropped`),
  ]
}

test.each([
  { kind: 'iptables', part: 0 },
  { kind: 'nftables', part: 1 },
] as const)(
  'the kernel judges by $kind as the documentation says',
  async ({ kind, part }) => {
    const appliers = appliersOf(kind)
    try {
      for (const each of sample(part)) {
        await apply(appliers, each)
        await forgetFlows()
        expect(await differences(each), each.name).toEqual([])
      }
    } finally {
      for (const { applier } of appliers) await applier.cleanUp(signal)
    }
    for (const { name } of layout.nodes) {
      const left = await bed.inside(name, 'sh', '-c', 'nft list ruleset; ipset list -n')
      expect(left).not.toContain('KUBE-NWPLCY')
    }
  },
  600_000,
)

/** A datagram from a port that another case has used would belong to a flow that was allowed to begin. */
async function forgetFlows(): Promise<void> {
  for (const { name } of layout.nodes) await bed.inside(name, 'conntrack', '--flush')
}
