/** What has to come out of every case: all connections between the pods and with the world, as the oracle judges them. */
import { compilePolicy } from '../../kube-proxy/policy/compile.ts'
import type { PolicyPlan } from '../../kube-proxy/policy/plan.ts'
import { policyPodOf } from '../../kube-proxy/policy/pod.ts'
import { PolicyState } from '../../kube-proxy/policy/state.ts'
import type { Packet } from '../../netfilter/trace.ts'
import type { Case } from './cases.ts'
import { layout, namespaces, podObject, pods, policyObject, ports, protocols } from './cluster.ts'
import { type Connection, type End, isAllowed, type OracleCluster, type Policy } from './oracle.ts'

export type Judged = { readonly connection: Connection; readonly isAllowed: boolean }

/** Ends of each family: every pod, the first node, and a client outside. */
function endsOf(family: 0 | 1): readonly End[] {
  const name = (['IPv4', 'IPv6'] as const)[family]
  return [
    ...pods.map((pod): End => ({ type: 'pod', pod, ip: pod.ips[family] ?? '' })),
    ...layout.nodes.map((node): End => ({ type: 'node', name: node.name, ip: node.ips[name][0] ?? '' })),
    { type: 'outside', ip: layout.clients[0]?.ips[name][0] ?? '' },
  ]
}

type Service = Pick<Connection, 'port' | 'protocol'>
const all: readonly Service[] = protocols.flatMap((protocol) => ports.map((port) => ({ port, protocol })))
const few: readonly Service[] = [
  { port: 80, protocol: 'TCP' },
  { port: 81, protocol: 'UDP' },
  { port: 80, protocol: 'SCTP' },
]

/** Between pods everything; with the world, and over IPv6, a little of it: the addresses differ there, not the ports. */
const connections: readonly Connection[] = ([0, 1] as const).flatMap((family) => {
  const ends = endsOf(family)
  return ends.flatMap((from) =>
    ends
      .filter((to) => from.type === 'pod' || to.type === 'pod')
      .flatMap((to) => {
        const services = family === 0 && from.type === 'pod' && to.type === 'pod' ? all : few
        return services.map((service) => ({ from, to, ...service }))
      }),
  )
})

/** The cluster with these policies. */
export function clusterWith(policies: readonly Policy[]): OracleCluster {
  return { namespaces, pods, policies }
}

/** For cases about ports: the target, a peer of its node, one of the other node, and the one whose ports have other names. */
const fewPods = new Set(['x/a', 'x/b', 'y/b', 'z/c'])
const fewConnections = connections.filter((connection) =>
  [connection.from, connection.to].every(
    (end) => end.type === 'pod' && fewPods.has(`${end.pod.namespace}/${end.pod.name}`),
  ),
)
const judged = new WeakMap<Case, readonly Judged[]>()

/** Every connection with the oracle's verdict; asked again, the same list. */
export function judge(each: Case): readonly Judged[] {
  const known = judged.get(each)
  if (known !== undefined) return known
  const cluster = clusterWith(each.policies)
  const list = (each.isAboutPorts === true ? fewConnections : connections).map((connection) => ({
    connection,
    isAllowed: isAllowed(cluster, connection),
  }))
  judged.set(each, list)
  return list
}

/** What kube-proxy on a node makes of the policies. */
export function planOn(node: string, policies: readonly Policy[]): PolicyPlan {
  return stateOn(node, policies).plan()
}

export function stateOn(node: string, policies: readonly Policy[]): PolicyState {
  const state = new PolicyState()
  for (const [name, labels] of Object.entries(namespaces)) state.setNamespace(name, labels)
  for (const pod of pods) {
    const object = podObject(pod)
    state.setPod(`${pod.namespace}/${pod.name}`, policyPodOf(object, node))
  }
  for (const policy of policies) {
    state.setPolicy(`${policy.namespace}/${policy.name}`, compilePolicy(policyObject(policy)))
  }
  return state
}

export const nodeNames = layout.nodes.map(({ name }) => name)

/** The nodes whose rules a packet meets: those of both pods. */
export function nodesOf({ from, to }: Connection): readonly string[] {
  return [...new Set([from, to].flatMap((end) => (end.type === 'pod' ? [end.pod.node] : [])))]
}

/** The first packet of a connection. */
export function packetOf({ from, to, port, protocol }: Connection): Packet {
  return {
    protocol: protocol === 'UDP' ? 'udp' : protocol === 'SCTP' ? 'sctp' : 'tcp',
    sourceIp: from.ip,
    destinationIp: to.ip,
    destinationPort: port,
    ...(from.type === 'node' ? {} : { inInterface: from.type === 'pod' ? 'cni0' : 'eth0' }),
  }
}

export function addressesOf(node: string): readonly string[] {
  const found = layout.nodes.find(({ name }) => name === node)
  return [...(found?.ips.IPv4 ?? []), ...(found?.ips.IPv6 ?? [])]
}

/** A connection in words. */
export function textOf({ from, to, port, protocol }: Connection): string {
  const name = (end: End) =>
    end.type === 'pod' ? `${end.pod.namespace}/${end.pod.name}` : end.type === 'node' ? end.name : 'outside'
  return `${name(from)} ${from.ip} -> ${name(to)} ${to.ip}:${port}/${protocol}`
}
