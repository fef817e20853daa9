/** Puts objects, rules and routes of all nodes together for one address family. Pure. */
import type { Node } from '../../api/core/v1.ts'
import type { ModeName, ModeSettings } from '../../kube-proxy/mode.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { Packet } from '../../netfilter/trace.ts'
import { type ClusterObjects, ownsAddress, podCidrs, podIps } from './cluster.ts'
import type { NodeNetwork } from './network.ts'
import { judgePolicies, policyPlanOf } from './policy.ts'
import {
  defaultSettings,
  ipvsAddresses,
  outerAddressOf,
  type RenderInputs,
  renderedNetwork,
  renderedRules,
} from './rendered.ts'
import type { NodeRules } from './rules.ts'
import { isOfFamily, type WalkNode, type World } from './walk.ts'

/** What was read from a node's kernel. */
export type NodeFacts = { readonly network: NodeNetwork; readonly rules: Readonly<Record<Family, NodeRules>> }

export type WorldInputs = {
  readonly objects: ClusterObjects
  readonly family: Family
  readonly modeOf: (node: string) => ModeName
  readonly clusterCidrs: readonly string[]
  readonly settings?: ModeSettings
  /** Nodes that are not here are rendered. */
  readonly facts: ReadonlyMap<string, NodeFacts>
}

/** The world as one family sees it. */
export function worldOf(inputs: WorldInputs): World {
  const { objects, family, clusterCidrs } = inputs
  const nodeNames = new Map<string, string>()
  for (const pod of objects.pods) {
    if (ownsAddress(pod)) for (const ip of podIps(pod)) nodeNames.set(ip, pod.spec?.nodeName ?? '')
  }
  const nodePorts = new Set(
    objects.services.flatMap(({ spec }) =>
      (spec?.ports ?? []).flatMap(({ nodePort, protocol }) =>
        nodePort === undefined ? [] : [`${(protocol ?? 'TCP').toLowerCase()} ${nodePort}`],
      ),
    ),
  )
  return {
    nodes: objects.nodes.map((node) => walkNodeOf(node, inputs)),
    nodeOfPod: (ip) => nodeNames.get(ip),
    clusterRanges: [...objects.serviceCidrs, ...clusterCidrs].filter((cidr) => isOfFamily(cidr, family)),
    isNodePort: (port, protocol) => nodePorts.has(`${protocol} ${port}`),
  }
}

function walkNodeOf(node: Node, inputs: WorldInputs): WalkNode {
  const { objects, family, modeOf, clusterCidrs, settings = defaultSettings, facts } = inputs
  const { name } = node.metadata
  const known = facts.get(name)
  const policyPlan = policyPlanOf(objects, name)
  const judge = (packet: Packet) => [
    judgePolicies(policyPlan, 'egress', packet),
    ...(isHere(objects, packet.destinationIp, name) ? [judgePolicies(policyPlan, 'ingress', packet)] : []),
  ]
  const common = { name, outerAddress: outerAddressOf(node, family), podCidrs: podCidrs(node), judge }
  if (known !== undefined) return { ...common, network: known.network, rules: known.rules[family] }
  const plain = renderedNetwork(node, objects.nodes)
  const render: RenderInputs = {
    ...{ objects, node, family, clusterCidrs, settings, policyPlan },
    ...{ mode: modeOf(name), network: { ...plain, seesBridged: settings.seesBridged } },
  }
  // In mode ipvs the addresses of Services are the node's own.
  const more = render.mode === 'ipvs' ? ipvsAddresses(render) : []
  return {
    ...common,
    network: { ...render.network, addresses: [...plain.addresses, ...more] },
    rules: renderedRules(render),
  }
}

function isHere({ pods }: ClusterObjects, ip: string, node: string): boolean {
  return pods.some((pod) => pod.spec?.nodeName === node && ownsAddress(pod) && podIps(pod).includes(ip))
}
