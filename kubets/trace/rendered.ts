/** What a node should hold: rules, routes and devices, from the API's objects by the code that kube-proxy and flanneld run. Pure. */
import { isIPv4 } from 'node:net'
import type { Node } from '../../api/core/v1.ts'
import { formatAddress, offsetAddress, parseSubnet } from '../../component-base/ip-address.ts'
import { iptablesForward, iptablesMasquerade } from '../../flanneld/masquerade/rules.ts'
import { baseJumps } from '../../kube-proxy/iptables/base.ts'
import { renderOptionsOf } from '../../kube-proxy/iptables/options.ts'
import { blocksOf } from '../../kube-proxy/iptables/plan.ts'
import { withJumps } from '../../kube-proxy/iptables/share.ts'
import { planIpvs } from '../../kube-proxy/ipvs/plan.ts'
import { ipvsJumps } from '../../kube-proxy/ipvs/rules.ts'
import { defaultIpvsSettings } from '../../kube-proxy/ipvs/settings.ts'
import type { ModeName, ModeSettings } from '../../kube-proxy/mode.ts'
import * as nftNames from '../../kube-proxy/nftables/names.ts'
import { nftOptionsOf } from '../../kube-proxy/nftables/options.ts'
import { NftPlanner } from '../../kube-proxy/nftables/plan.ts'
import { type NodeState, nodeStateOf } from '../../kube-proxy/plan/node.ts'
import { type PlannedPort, Planner } from '../../kube-proxy/plan/planner.ts'
import type { PolicyPlan } from '../../kube-proxy/policy/plan.ts'
import { createIptablesRenderer } from '../../kube-proxy/policy/render/iptables.ts'
import { createNftablesRenderer, tableName } from '../../kube-proxy/policy/render/nftables.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { Jumps } from '../../netfilter/iptables-restore.ts'
import { type Blocks, type Chains, flatten, type Table } from '../../netfilter/ruleset.ts'
import { tableOf } from '../../netfilter/trace-nft.ts'
import { type ClusterObjects, nodeIps, podCidrs } from './cluster.ts'
import { type Device, type NodeNetwork, type Route, tunnelOf } from './network.ts'
import type { NodeRules } from './rules.ts'

export type RenderInputs = {
  readonly objects: ClusterObjects
  readonly node: Node
  readonly family: Family
  readonly mode: ModeName
  /** The range of all pods, one for each family. */
  readonly clusterCidrs: readonly string[]
  readonly settings: ModeSettings
  readonly policyPlan: PolicyPlan
  readonly network: NodeNetwork
}

/** kube-proxy's flags by default. */
export const defaultSettings: ModeSettings = {
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  hasLocalhostNodePorts: true,
  dropsInvalid: true,
  seesBridged: true,
}

/** The rules of one family that the node should hold. */
export function renderedRules(inputs: RenderInputs): NodeRules {
  const { family, mode, network, policyPlan } = inputs
  const settings = { ...inputs.settings, seesBridged: network.seesBridged }
  const { state, ports } = planNode(inputs)
  const nothing = {
    source: 'rendered',
    tables: new Map(),
    policies: new Map(),
    sets: new Map(),
    nft: [],
    servers: new Map(),
  } as const
  const flannel = flannelRules(inputs)
  if (mode === 'nftables') {
    const own = tableOf(
      nftNames.tableOf(family).name,
      family,
      new NftPlanner().plan(ports, nftOptionsOf(state, settings)),
    )
    const policy = createNftablesRenderer(family)(policyPlan)
    const nft = [own, ...(policy.size === 0 ? [] : [tableOf(tableName, family, policy)])]
    return { ...nothing, nft, tables: tablesOf(flannel.blocks, flannel.jumps) }
  }
  const policy = createIptablesRenderer(family, { hasIpvs: mode === 'ipvs' })(policyPlan)
  const more = (own: Blocks): Blocks => new Map([...own, ...policy.blocks, ...flannel.blocks])
  if (mode === 'iptables') {
    const options = renderOptionsOf(state, settings)
    const jumps = withJumps(flannel.jumps, withJumps(baseJumps(options), policy.jumps))
    return { ...nothing, tables: tablesOf(more(blocksOf(ports, options)), jumps), sets: policy.sets }
  }
  const plan = planIpvs({
    node: state,
    ports,
    settings,
    ipvs: settings.ipvs ?? defaultIpvsSettings,
    hostIps: network.addresses,
  })
  const jumps = withJumps(flannel.jumps, withJumps(ipvsJumps, policy.jumps))
  return {
    ...nothing,
    tables: tablesOf(more(new Map([['', plan.rules]])), jumps),
    sets: new Map([...plan.sets, ...policy.sets]),
    servers: plan.servers,
  }
}

/** The addresses that mode ipvs gives the node besides its own. */
export function ipvsAddresses(inputs: RenderInputs): readonly string[] {
  const { state, ports } = planNode(inputs)
  const { settings, network } = inputs
  return [
    ...planIpvs({
      node: state,
      ports,
      settings,
      ipvs: settings.ipvs ?? defaultIpvsSettings,
      hostIps: network.addresses,
    }).addresses,
  ]
}

function planNode({ objects, node, family, clusterCidrs, network }: RenderInputs): {
  readonly state: NodeState
  readonly ports: readonly PlannedPort[]
} {
  const state = nodeStateOf(
    {
      ...{ nodeName: node.metadata.name, node, nodePortAddresses: [], hostIps: network.addresses },
      detectLocal: { type: 'source', cidrs: clusterCidrs },
      serviceCidrs: objects.serviceCidrs,
    },
    family,
  )
  const ofService = new Map<string, (typeof objects.slices)[number][]>()
  for (const slice of objects.slices) {
    const { namespace = '', labels } = slice.metadata
    const key = `${namespace}/${labels?.['kubernetes.io/service-name'] ?? ''}`
    ofService.set(key, [...(ofService.get(key) ?? []), slice])
  }
  const slicesOf = ({ metadata }: { metadata: { namespace?: string; name: string } }) =>
    ofService.get(`${metadata.namespace ?? ''}/${metadata.name}`) ?? []
  const ports = new Planner().plan({ family, services: objects.services, slicesOf, topology: state.topology })
  return { state, ports }
}

function tablesOf(blocks: Blocks, jumps: Jumps): ReadonlyMap<Table, Chains> {
  const tables = new Map<Table, Chains>(flatten(blocks))
  for (const [table, chains] of jumps) tables.set(table, new Map([...(tables.get(table) ?? []), ...chains]))
  return tables
}

const backendType = 'flannel.alpha.coreos.com/backend-type'
const publicIp = { ip: 'flannel.alpha.coreos.com/public-ip', ip6: 'flannel.alpha.coreos.com/public-ipv6' } as const

/** The backend that a node's flanneld tells of. The one called udp names no type; nor does alloc, which has no device. */
export function backendOf({ metadata }: Node): string | undefined {
  const type = metadata.annotations?.[backendType]
  return type === '' ? 'udp' : type
}

/** The address at which a node takes the tunnel's packets. */
export function outerAddressOf(node: Node, family: Family): string | undefined {
  return node.metadata.annotations?.[publicIp[family]] ?? nodeIps(node).find((ip) => isIPv4(ip) === (family === 'ip'))
}

function flannelRules({ node, family, clusterCidrs }: RenderInputs): {
  readonly blocks: Blocks
  readonly jumps: Jumps
} {
  const isOurs = (cidr: string) => isIPv4(cidr.split('/')[0] ?? '') === (family === 'ip')
  const [network, subnet] = [clusterCidrs.find(isOurs), podCidrs(node).find(isOurs)].map((cidr) =>
    parseSubnet(cidr ?? ''),
  )
  if (backendOf(node) === undefined || network === undefined || subnet === undefined) {
    return { blocks: new Map(), jumps: new Map() }
  }
  const masquerade = { family: family === 'ip' ? 'ipv4' : 'ipv6', network, subnet, isRandom: true } as const
  return {
    blocks: new Map([
      [
        'flannel',
        {
          nat: new Map([['FLANNEL-POSTRTG', iptablesMasquerade(masquerade)]]),
          filter: new Map([['FLANNEL-FWD', iptablesForward(network)]]),
        },
      ],
    ]),
    jumps: new Map<Table, ReadonlyMap<string, readonly string[]>>([
      ['nat', new Map([['POSTROUTING', ['-m comment --comment "flanneld masq" -j FLANNEL-POSTRTG']]])],
      ['filter', new Map([['FORWARD', ['-m comment --comment "flanneld forward" -j FLANNEL-FWD']]])],
    ]),
  }
}

const tunnelDevices: Readonly<Record<string, string>> = {
  udp: 'flannel0',
  vxlan: 'flannel.1',
  ipip: 'flannel.ipip',
  wireguard: 'flannel-wg',
}
const bridge = 'cni0'
const wire = 'eth0'

/** Routes and devices as flanneld and the CNI plugin make them. */
export function renderedNetwork(node: Node, nodes: readonly Node[]): NodeNetwork {
  const own = nodeIps(node)
  const backend = backendOf(node) ?? ''
  const tunnel = tunnelOf(backend)
  const device = tunnel === undefined ? wire : (tunnelDevices[backend] ?? wire)
  const bases = podCidrs(node).flatMap((cidr) => parseSubnet(cidr) ?? [])
  const gateways = bases.map(({ base }) => formatAddress(offsetAddress(base, 1n)))
  const inner = tunnel === undefined ? [] : bases.map(({ base }) => formatAddress(base))
  const ofFamily = (ips: readonly string[], ip: string) =>
    ips.find((each) => isIPv4(each) === isIPv4(ip.split('/')[0] ?? ''))
  const routes: Route[] = podCidrs(node).map((to) => ({
    to,
    device: bridge,
    via: undefined,
    source: ofFamily(gateways, to),
  }))
  for (const other of nodes) {
    if (other.metadata.name === node.metadata.name) continue
    for (const to of podCidrs(other)) {
      const via = tunnel === undefined ? ofFamily(nodeIps(other), to) : undefined
      routes.push({ to, device, via, source: ofFamily(tunnel === undefined ? own : inner, to) })
    }
  }
  for (const ip of own) routes.push({ to: isIPv4(ip) ? '0.0.0.0/0' : '::/0', device: wire, via: undefined, source: ip })
  const devices: Device[] = [
    { name: wire, type: 'other', addresses: own, tunnel: undefined },
    { name: bridge, type: 'bridge', addresses: gateways, tunnel: undefined },
    ...(tunnel === undefined ? [] : [{ name: device, type: 'tunnel', addresses: inner, tunnel } as const]),
  ]
  return { source: 'rendered', addresses: [...own, ...gateways, ...inner], routes, devices, seesBridged: true }
}
