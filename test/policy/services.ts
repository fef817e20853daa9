/**
 * Policies and Services together: who reaches a Service's endpoints is judged after translation, in every proxy mode.
 *
 *   node-1: server (friends only may come), friend, stranger (may go nowhere)     node-2: far, far-friend
 */
import { systemClock } from '../../component-base/clock.ts'
import type { ModeName } from '../../kube-proxy/mode.ts'
import type { PolicyApplier } from '../../kube-proxy/policy/apply/applier.ts'
import { createIptablesApplier } from '../../kube-proxy/policy/apply/iptables.ts'
import { createNftablesApplier } from '../../kube-proxy/policy/apply/nftables.ts'
import { compilePolicy } from '../../kube-proxy/policy/compile.ts'
import type { PolicyPlan } from '../../kube-proxy/policy/plan.ts'
import { policyPodOf } from '../../kube-proxy/policy/pod.ts'
import { PolicyState } from '../../kube-proxy/policy/state.ts'
import { addressesOf, clusterObjects, type PacketService, servicePort } from '../packets/cluster.ts'
import { type IpFamily, ipOf, makeLayout } from '../packets/layout.ts'
import { Proxies } from '../packets/proxies.ts'
import type { Testbed, TestbedProbe } from '../packets/testbed.ts'
import { namespaceObject, podObject, policyObject } from './cluster.ts'
import type { Policy } from './oracle.ts'

export const layout = makeLayout({ 'node-1': ['server', 'friend', 'stranger'], 'node-2': ['far', 'far-friend'] })
const services: readonly PacketService[] = [
  { name: 'web', endpoints: ['server'], hasNodePort: true },
  { name: 'away', endpoints: ['far'] },
  { name: 'signal', protocol: 'SCTP', endpoints: ['server'] },
]
const policies: readonly Policy[] = [
  {
    ...{ namespace: 'default', name: 'friends-only' },
    spec: {
      podSelector: { matchLabels: { name: 'server' } },
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { role: 'friend' } } }],
          ports: [{ port: 8080 }, { protocol: 'SCTP', port: 8080, endPort: 8081 }],
        },
      ],
    },
  },
  {
    ...{ namespace: 'default', name: 'nowhere' },
    spec: { podSelector: { matchLabels: { name: 'stranger' } }, policyTypes: ['Egress'] },
  },
]

type Way = { readonly from: string; readonly to: 'web' | 'away' | 'signal' | 'node port'; readonly isOpen: boolean }
const ways: readonly Way[] = [
  { from: 'friend', to: 'web', isOpen: true },
  { from: 'far-friend', to: 'web', isOpen: true },
  { from: 'far', to: 'web', isOpen: false },
  // To itself, whatever its policies say.
  { from: 'server', to: 'web', isOpen: true },
  // The server's own node, and another one.
  { from: 'node-1', to: 'web', isOpen: true },
  { from: 'node-2', to: 'web', isOpen: false },
  { from: 'client', to: 'node port', isOpen: false },
  { from: 'stranger', to: 'web', isOpen: false },
  { from: 'stranger', to: 'away', isOpen: false },
  { from: 'friend', to: 'away', isOpen: true },
  { from: 'friend', to: 'signal', isOpen: true },
  { from: 'far-friend', to: 'signal', isOpen: true },
  { from: 'far', to: 'signal', isOpen: false },
  { from: 'server', to: 'signal', isOpen: true },
  { from: 'node-1', to: 'signal', isOpen: true },
  { from: 'node-2', to: 'signal', isOpen: false },
  { from: 'stranger', to: 'signal', isOpen: false },
  // Only its ingress is isolated.
  { from: 'server', to: 'away', isOpen: true },
]

function planOn(node: string): PolicyPlan {
  const state = new PolicyState()
  state.setNamespace('default', namespaceObject('default', {}).metadata.labels ?? {})
  for (const { name: of, pods } of layout.nodes) {
    for (const { name, ips } of pods) {
      const labels = { name, role: name.endsWith('friend') ? 'friend' : 'other' }
      const all = [...ips.IPv4, ...ips.IPv6]
      const object = podObject({ namespace: 'default', name, labels, ips: all, node: of, ports: [] })
      state.setPod(`default/${name}`, policyPodOf(object, node))
    }
  }
  for (const policy of policies) {
    state.setPolicy(`default/${policy.name}`, compilePolicy(policyObject(policy)))
  }
  return state.plan()
}

function applierOf(mode: ModeName, namespace: string, family: 'ip' | 'ip6'): PolicyApplier {
  return mode === 'nftables'
    ? createNftablesApplier({ family, namespace, clock: systemClock })
    : createIptablesApplier({ family, namespace, hasIpvs: mode === 'ipvs' })
}

export type ServiceCheck = {
  /** Ways that are not as the policies say. */
  readonly complaints: readonly string[]
  /** The same before the policies: all ways are open then. */
  readonly before: readonly string[]
}

/** Applies Services and policies in a mode, tries all ways, and takes policies and Services away again. */
export async function checkServices(
  bed: Testbed,
  mode: ModeName,
  limits: { readonly answerMs: number; readonly silenceMs: number },
  signal: AbortSignal,
): Promise<ServiceCheck> {
  const proxies = new Proxies(bed, mode)
  const appliers = layout.nodes.flatMap(({ name }) =>
    (['ip', 'ip6'] as const).map((family) => ({ name, applier: applierOf(mode, bed.namespace(name), family) })),
  )
  try {
    await proxies.sync(clusterObjects(layout, services), signal)
    const before = await tryWays(
      bed,
      ways.map((way) => ({ ...way, isOpen: true })),
      limits,
    )
    for (const { name, applier } of appliers) await applier.apply(planOn(name), signal)
    return { before, complaints: await tryWays(bed, ways, limits) }
  } finally {
    for (const { applier } of appliers) await applier.cleanUp(signal)
    await proxies.cleanUp(signal)
  }
}

async function tryWays(
  bed: Testbed,
  tried: readonly Way[],
  { answerMs, silenceMs }: { readonly answerMs: number; readonly silenceMs: number },
): Promise<readonly string[]> {
  const complaints: string[] = []
  const both = tried.flatMap((way) => (['IPv4', 'IPv6'] as const).map((family) => ({ ...way, family })))
  for (const isOpen of [true, false]) {
    const same = both.filter((way) => way.isOpen === isOpen)
    const probes = same.map(({ from, to, family }) => ({ from, ...targetOf(to, family) }))
    const outcomes = await bed.probe(probes, isOpen ? answerMs : silenceMs)
    for (const [index, { from, to, family }] of same.entries()) {
      const verdict = outcomes[index]?.verdict
      if ((verdict === 'delivered') !== isOpen) complaints.push(`${family}: ${from} to ${to}: ${String(verdict)}`)
    }
  }
  return complaints
}

function targetOf(to: Way['to'], family: IpFamily): Omit<TestbedProbe, 'from'> {
  if (to === 'node port') {
    return { ip: ipOf(layout, 'node-1', family), port: addressesOf(services, 'web').nodePort, protocol: 'TCP' }
  }
  const ip = addressesOf(services, to).clusterIps[family]
  return { ip, port: servicePort, protocol: to === 'signal' ? 'SCTP' : 'TCP' }
}
