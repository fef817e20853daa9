/**
 * A packet's way through the cluster and its answer's way back, hop by hop. Pure: nodes come as values, chance as a function.
 *
 *   sender ─▶ node (rules, route) ─▶ bridge, wire or tunnel ─▶ node (rules, route) ─▶ receiver
 *      ◀──────────────── the answer: routes, and translations undone ────────────────────┘
 */
import { isIPv4 } from 'node:net'
import { joinAddress } from '../../netfilter/ipvs.ts'
import { type Choose, isInside, type Packet, type TraceStep } from '../../netfilter/trace.ts'
import { isLocalAddress } from '../../netfilter/trace-path.ts'
import { deviceOf, type NodeNetwork, type Route, routeFor, sourceOn, type Tunnel } from './network.ts'
import type { PolicyVerdict } from './policy.ts'
import { followOnNode, type NodeRules } from './rules.ts'

/** One node, of one address family. */
export type WalkNode = {
  readonly name: string
  readonly network: NodeNetwork
  readonly rules: NodeRules
  /** Where other nodes' tunnels and routes find it. */
  readonly outerAddress: string | undefined
  readonly podCidrs: readonly string[]
  /** What policies say about pods of this node, for both ends. */
  readonly judge: (packet: Packet) => readonly PolicyVerdict[]
}
export type World = {
  readonly nodes: readonly WalkNode[]
  /** The node of the pod that has the address. */
  readonly nodeOfPod: (ip: string) => string | undefined
  /** Ranges in which nobody but the cluster has addresses. */
  readonly clusterRanges: readonly string[]
  /** Whether a Service has this node port, so that nothing else listens there. */
  readonly isNodePort: (port: number, protocol: Packet['protocol']) => boolean
}
export type Sender =
  | { readonly type: 'pod'; readonly ip: string; readonly node: string }
  | { readonly type: 'node'; readonly node: string }
  | { readonly type: 'outside'; readonly ip: string; readonly node: string }

export type RouteTaken = Route & { readonly kind: 'bridge' | 'tunnel' | 'wire' | 'local' }
export type Encapsulation = Tunnel & { readonly from: string; readonly to: string; readonly device: string }
export type NodeHop = {
  readonly node: string
  readonly rulesFrom: NodeRules['source']
  readonly inDevice: string | undefined
  readonly packet: Packet
  readonly steps: readonly TraceStep[]
  readonly policies: readonly PolicyVerdict[]
  readonly verdict: 'ACCEPT' | 'DROP' | 'REJECT'
  /** The destination after translation, where it was translated. */
  readonly translatedTo: { readonly ip: string; readonly port: number } | undefined
  /** The source after masquerading, where it was. */
  readonly masqueradedAs: string | undefined
  readonly route: RouteTaken | undefined
  readonly encapsulation: Encapsulation | undefined
}
export type BackHop = { readonly at: string; readonly what: string }
export type Outcome = 'delivered' | 'refused' | 'dropped'
export type Walk = {
  readonly outcome: Outcome
  /** Where it ended, and why. */
  readonly reason: string
  /** The node, or `outside`. */
  readonly endedAt: string
  readonly sourceIp: string
  readonly destinationIp: string
  readonly destinationPort: number
  readonly hops: readonly NodeHop[]
  readonly back: readonly BackHop[]
}

/** Nodes that a packet may pass: more is a loop. */
const maxHops = 8

/** Follows one packet; `sender.ip` of a node is chosen by its routes. */
export function walkPacket(
  sender: Sender,
  to: { readonly ip: string; readonly port: number; readonly protocol: Packet['protocol'] },
  world: World,
  choose: Choose,
): Walk {
  const first = nodeNamed(world, sender.node)
  const sourceIp = sender.type === 'node' ? ownSource(first, to.ip) : sender.ip
  const bridge = first.network.devices.find(({ type }) => type === 'bridge')?.name ?? 'cni0'
  const wire = wireOf(first)
  const inDevice = sender.type === 'pod' ? bridge : sender.type === 'outside' ? wire : undefined
  let packet: Packet = {
    ...{ protocol: to.protocol, sourceIp, destinationIp: to.ip, destinationPort: to.port },
    ...(inDevice === undefined ? {} : { inInterface: inDevice }),
    ...(sender.type === 'pod' ? { isFromBridge: true } : {}),
  }
  if (sender.type === 'pod' && to.ip === sender.ip) return toItself(packet)
  const hops: NodeHop[] = []
  let node: WalkNode | undefined = first
  while (node !== undefined && hops.length < maxHops) {
    const { hop, next } = passNode(node, packet, sender, hops.length === 0, world, choose)
    hops.push(hop)
    const { destinationIp, destinationPort } = next.packet
    const ended = { sourceIp: next.packet.sourceIp, destinationIp, destinationPort, hops }
    if (next.type === 'ended') {
      if (next.outcome !== 'delivered') return { ...ended, ...next, endedAt: node.name, back: [] }
      const endedAt = next.at
      const answer = answerOf(sender, hops, endedAt, next.packet.sourceIp, world)
      const outcome = answer.isLost === undefined ? 'delivered' : 'dropped'
      return { ...ended, outcome, reason: answer.isLost ?? next.reason, endedAt, back: answer.back }
    }
    packet = next.packet
    node = world.nodes.find(({ name }) => name === next.node)
  }
  const { destinationIp, destinationPort } = packet
  const end = { sourceIp: packet.sourceIp, destinationIp, destinationPort, hops, back: [] }
  return { ...end, outcome: 'dropped', reason: 'it goes round in circles', endedAt: hops.at(-1)?.node ?? '' }
}

function toItself({ sourceIp, destinationIp, destinationPort }: Packet): Walk {
  const reason = 'the pod reaches itself over its own loopback device'
  return { outcome: 'delivered', reason, endedAt: '', sourceIp, destinationIp, destinationPort, hops: [], back: [] }
}

function nodeNamed({ nodes }: World, name: string): WalkNode {
  const found = nodes.find((node) => node.name === name)
  if (found === undefined) throw new TypeError(`no node ${name}`)
  return found
}

function ownSource({ network, outerAddress }: WalkNode, destination: string): string {
  const route = routeFor(network, destination)
  return (route === undefined ? undefined : sourceOn(network, route, destination)) ?? outerAddress ?? ''
}

function wireOf({ network }: WalkNode): string {
  const outside = network.routes.find(({ to }) => to === '0.0.0.0/0' || to === '::/0')
  return outside?.device ?? 'eth0'
}

type Next =
  | {
      readonly type: 'ended'
      readonly outcome: Outcome
      readonly reason: string
      readonly at: string
      readonly packet: Packet
    }
  | { readonly type: 'node'; readonly node: string; readonly packet: Packet }

function passNode(
  node: WalkNode,
  packet: Packet,
  sender: Sender,
  isFirst: boolean,
  world: World,
  choose: Choose,
): { readonly hop: NodeHop; readonly next: Next } {
  const { network, rules, name } = node
  // A bridge passes packets between its ports by itself; rules see them only if the kernel is told so.
  const isUnseen = !network.seesBridged && isBridged(node, packet, world)
  const trace = isUnseen ? unseen(packet) : followOnNode(packet, rules, network, choose)
  const { destinationIp, destinationPort, verdict } = trace
  const route = routeFor(network, destinationIp)
  const isHere = route?.device === 'lo'
  const masqueradedAs =
    trace.isMasqueraded && route !== undefined && !isHere ? sourceOn(network, route, destinationIp) : undefined
  const judged = { ...packet, destinationIp, destinationPort }
  const policies = node
    .judge(judged)
    .filter(({ direction }) =>
      direction === 'egress' ? isFirst && sender.type === 'pod' : !isHere && packet.inInterface !== undefined,
    )
  const sent: Packet = { ...judged, sourceIp: masqueradedAs ?? packet.sourceIp }
  const { next, taken, encapsulation } = leaveNode(node, route, sent, trace, world)
  const isTranslated = destinationIp !== packet.destinationIp || destinationPort !== packet.destinationPort
  const hop: NodeHop = {
    ...{
      node: name,
      rulesFrom: rules.source,
      inDevice: packet.inInterface,
      packet,
      steps: trace.steps,
      policies,
      verdict,
    },
    translatedTo: isTranslated ? { ip: destinationIp, port: destinationPort } : undefined,
    ...{ masqueradedAs, route: verdict === 'ACCEPT' ? taken : undefined, encapsulation },
  }
  return { hop, next }
}

function isBridged(node: WalkNode, { inInterface, destinationIp }: Packet, world: World): boolean {
  const route = routeFor(node.network, destinationIp)
  if (route === undefined || route.device !== inInterface || world.nodeOfPod(destinationIp) !== node.name) return false
  return deviceOf(node.network, route.device)?.type === 'bridge'
}

function unseen({ destinationIp, destinationPort }: Packet) {
  return { verdict: 'ACCEPT', destinationIp, destinationPort, isMasqueraded: false, path: [], steps: [] } as const
}

type Left = {
  readonly next: Next
  readonly taken: RouteTaken | undefined
  readonly encapsulation: Encapsulation | undefined
}

function leaveNode(
  node: WalkNode,
  route: Route | undefined,
  sent: Packet,
  { verdict, steps }: { readonly verdict: NodeHop['verdict']; readonly steps: readonly TraceStep[] },
  world: World,
): Left {
  const { name, network } = node
  const { destinationIp: ip, destinationPort: port, protocol } = sent
  const end = (outcome: Outcome, reason: string, taken?: RouteTaken, at = name): Left => ({
    next: { type: 'ended', outcome, reason, at, packet: sent },
    ...{ taken, encapsulation: undefined },
  })
  if (verdict !== 'ACCEPT') {
    const by = steps.at(-1)
    return end(verdict === 'REJECT' ? 'refused' : 'dropped', by === undefined ? 'by its rules' : ruleText(by))
  }
  if (route === undefined) return end('dropped', `no route to ${ip}`)
  const device = deviceOf(network, route.device)
  if (route.device === 'lo') {
    if (world.isNodePort(port, protocol)) {
      return end('refused', `port ${port} is a node port, no rule takes it here, and nothing listens there`, {
        ...route,
        kind: 'local',
      })
    }
    return end('delivered', `an address of ${name}`, { ...route, kind: 'local' })
  }
  if (device?.type === 'bridge' || world.nodeOfPod(ip) === name) {
    const taken = { ...route, kind: 'bridge' } as const
    return world.nodeOfPod(ip) === name
      ? end('delivered', `pod of ${name}`, taken)
      : end('dropped', `no pod on ${name} has the address ${ip}`, taken)
  }
  const peer = peerFor(ip, route, world)
  const taken = { ...route, kind: device?.tunnel === undefined ? 'wire' : 'tunnel' } as const
  if (peer === undefined) {
    if (device?.tunnel !== undefined || world.clusterRanges.some((range) => isInside(ip, range))) {
      return end('dropped', `nobody in the cluster has the address ${ip}, and it leaves by ${route.device}`, taken)
    }
    return end('delivered', `it leaves the cluster by ${route.device}`, taken, 'outside')
  }
  const encapsulation = encapsulate(node, peer, device?.tunnel, route.device)
  const inInterface = device?.tunnel === undefined ? wireOf(peer) : tunnelDevice(peer, route.device)
  const { isFromBridge: _, ...plain } = sent
  return { next: { type: 'node', node: peer.name, packet: { ...plain, inInterface } }, taken, encapsulation }
}

function ruleText({ table, chain, rule }: TraceStep): string {
  const note = /comment "([^"]*)"/.exec(rule)?.[1]
  return `by ${table} ${chain}${note === undefined ? '' : ` "${note}"`}`
}

/** The node to which a packet goes next. */
function peerFor(ip: string, { via }: Route, { nodes }: World): WalkNode | undefined {
  const owns = (address: string) => (node: WalkNode) =>
    node.outerAddress === address || isLocalAddress(address, node.network.addresses)
  return (
    nodes.find(owns(ip)) ??
    nodes.find(({ podCidrs }) => podCidrs.some((cidr) => isInside(ip, cidr))) ??
    (via === undefined ? undefined : nodes.find(owns(via)))
  )
}

function encapsulate(
  from: WalkNode,
  to: WalkNode,
  tunnel: Tunnel | undefined,
  device: string,
): Encapsulation | undefined {
  if (tunnel === undefined) return undefined
  return { ...tunnel, device, from: from.outerAddress ?? '?', to: to.outerAddress ?? '?' }
}

function tunnelDevice({ network }: WalkNode, same: string): string {
  const tunnel = network.devices.find(({ name, type }) => type === 'tunnel' && name === same)
  return tunnel?.name ?? network.devices.find(({ type }) => type === 'tunnel')?.name ?? same
}

/** The answer's way: by routes, and each translation undone where it was done. */
function answerOf(
  sender: Sender,
  hops: readonly NodeHop[],
  endedAt: string,
  sourceSeen: string,
  world: World,
): { readonly back: readonly BackHop[]; readonly isLost: string | undefined } {
  const back: BackHop[] = []
  const pending = new Map(hops.filter(isTranslating).map((hop) => [hop.node, hop]))
  let to = sourceSeen
  let at: WalkNode | undefined = world.nodes.find(({ name }) => name === endedAt)
  // From outside the answer comes to whom it saw.
  if (at === undefined)
    at =
      world.nodes.find(({ network }) => isLocalAddress(sourceSeen, network.addresses)) ?? nodeNamed(world, sender.node)
  for (let count = 0; at !== undefined && count < maxHops; count += 1) {
    const here: WalkNode = at
    const staysOnBridge = isOnBridge(here, to, endedAt, hops, world)
    const hop: NodeHop | undefined = staysOnBridge && !here.network.seesBridged ? undefined : pending.get(here.name)
    if (hop !== undefined) {
      pending.delete(here.name)
      const undone = [
        ...(hop.masqueradedAs === undefined ? [] : [`to ${hop.packet.sourceIp}`]),
        ...(hop.translatedTo === undefined
          ? []
          : [`from ${joinAddress(hop.packet.destinationIp, hop.packet.destinationPort)}`]),
      ]
      if (hop.masqueradedAs !== undefined) to = hop.packet.sourceIp
      back.push({ at: here.name, what: `translated back ${undone.join(', ')}` })
    } else back.push({ at: here.name, what: 'passed on' })
    if (sender.type !== 'outside' && sender.node === here.name && isSender(sender, to, here)) break
    const route = routeFor(here.network, to)
    if (route === undefined) return { back, isLost: `the answer finds no route to ${to} on ${here.name}` }
    at = route.device === 'lo' ? undefined : peerFor(to, route, world)
    if (at === here) at = undefined
  }
  const [left] = pending.values()
  if (left?.translatedTo === undefined && left?.masqueradedAs === undefined) return { back, isLost: undefined }
  const from = left.translatedTo ?? { ip: left.packet.destinationIp, port: left.packet.destinationPort }
  return {
    back,
    isLost: `the answer comes straight from ${joinAddress(from.ip, from.port)}, not past ${left.node}, so the sender does not take it`,
  }
}

function isTranslating({ translatedTo, masqueradedAs }: NodeHop): boolean {
  return translatedTo !== undefined || masqueradedAs !== undefined
}

function isSender(sender: Exclude<Sender, { type: 'outside' }>, ip: string, { network }: WalkNode): boolean {
  return sender.type === 'pod' ? sender.ip === ip : isLocalAddress(ip, network.addresses)
}

/** Whether the answer goes from one port of a bridge to another. */
function isOnBridge(node: WalkNode, to: string, endedAt: string, hops: readonly NodeHop[], world: World): boolean {
  const last = hops.at(-1)
  return node.name === endedAt && last?.route?.kind === 'bridge' && world.nodeOfPod(to) === node.name
}

/** Whether the address is of the family. */
export function isOfFamily(ip: string, family: 'ip' | 'ip6'): boolean {
  return isIPv4(ip.split('/')[0] ?? '') === (family === 'ip')
}
