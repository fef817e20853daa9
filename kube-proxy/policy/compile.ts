/**
 * One NetworkPolicy as terms: who (an address set) × what (protocol and ports). A packet passes when one term of one
 * policy that selects the pod holds it; a policy never forbids, it only isolates what it selects. Pure.
 * Source: API documentation of networking.k8s.io/v1 NetworkPolicySpec.
 */
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/networking/v1.ts'
import {
  everything,
  formatSelector,
  type LabelSelectorObject,
  nothing,
  type Selector,
  selectorFromLabelSelector,
} from '../../apimachinery/selector/labels.ts'
import { type Protocol, protocolOf } from './pod.ts'
import { type Ranges, rangesOf } from './ranges.ts'

export type Direction = 'ingress' | 'egress'

/** Pods by labels, in one namespace or in those that a selector chooses. Equal keys choose equal pods. */
export type Selection = {
  readonly key: string
  readonly pods: Selector
  readonly namespaces:
    | { readonly type: 'name'; readonly name: string }
    | { readonly type: 'labels'; readonly selector: Selector }
}

export type Peers =
  | { readonly type: 'any' }
  | { readonly type: 'pods'; readonly selection: Selection }
  | { readonly type: 'ranges'; readonly key: string; readonly ranges: Ranges }

/** First and last port, both inside. */
export type PortRange = readonly [number, number]

export type Ports =
  /** Every protocol, also those without ports. */
  | { readonly type: 'any' }
  | { readonly type: 'protocol'; readonly protocol: Protocol }
  | { readonly type: 'numbers'; readonly protocol: Protocol; readonly ranges: readonly PortRange[] }
  /** What the number is, the destination pod says. */
  | { readonly type: 'named'; readonly protocol: Protocol; readonly name: string }

export type Term = { readonly peers: Peers; readonly ports: Ports }

export type CompiledPolicy = {
  /** `namespace/name`. */
  readonly key: string
  readonly namespace: string
  readonly targets: Selector
  /** `undefined`: the policy does not isolate in this direction. */
  readonly ingress: readonly Term[] | undefined
  readonly egress: readonly Term[] | undefined
}

/** Translates a policy. Defaults are applied here too: objects may come from servers that have stored none. */
export function compilePolicy({ metadata, spec }: NetworkPolicy): CompiledPolicy {
  const namespace = metadata.namespace ?? ''
  const { podSelector, ingress = [], egress = [], policyTypes = [] } = spec ?? {}
  const types = policyTypes.length > 0 ? policyTypes : ['Ingress', ...(egress.length > 0 ? ['Egress'] : [])]
  return {
    key: `${namespace}/${metadata.name}`,
    namespace,
    targets: selectorOf(podSelector ?? {}),
    ingress: types.includes('Ingress')
      ? ingress.flatMap(({ from, ports }) => termsOf(from ?? [], ports ?? [], namespace))
      : undefined,
    egress: types.includes('Egress')
      ? egress.flatMap(({ to, ports }) => termsOf(to ?? [], ports ?? [], namespace))
      : undefined,
  }
}

function termsOf(
  peers: readonly NetworkPolicyPeer[],
  ports: readonly NetworkPolicyPort[],
  namespace: string,
): readonly Term[] {
  const who = peersOf(peers, namespace)
  return portsOf(ports).flatMap((what) => who.map((each) => ({ peers: each, ports: what })))
}

function peersOf(peers: readonly NetworkPolicyPeer[], namespace: string): readonly Peers[] {
  if (peers.length === 0) return [{ type: 'any' }]
  const selections = new Map<string, Selection>()
  const blocks = peers.flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [ipBlock]))
  for (const { ipBlock, podSelector, namespaceSelector } of peers) {
    if (ipBlock !== undefined) continue
    const selection = selectionOf(podSelector, namespaceSelector, namespace)
    selections.set(selection.key, selection)
  }
  return [
    ...(blocks.length === 0 ? [] : [rangePeers(rangesOf(blocks))]),
    ...[...selections.values()].map((selection): Peers => ({ type: 'pods', selection })),
  ]
}

function rangePeers(ranges: Ranges): Peers {
  return { type: 'ranges', key: [...ranges.ip, ...ranges.ip6].join(','), ranges }
}

function selectionOf(
  podSelector: LabelSelectorObject | undefined,
  namespaceSelector: LabelSelectorObject | undefined,
  namespace: string,
): Selection {
  const pods = podSelector === undefined ? everything : selectorOf(podSelector)
  if (namespaceSelector === undefined) {
    return { key: `${namespace}/${keyOf(pods)}`, pods, namespaces: { type: 'name', name: namespace } }
  }
  const selector = selectorOf(namespaceSelector)
  return { key: `{${keyOf(selector)}}/${keyOf(pods)}`, pods, namespaces: { type: 'labels', selector } }
}

/** A selector that cannot be read (an operator of the future) chooses nothing: it must not open anything. */
function selectorOf(selector: LabelSelectorObject): Selector {
  try {
    return selectorFromLabelSelector(selector)
  } catch {
    return nothing
  }
}

function keyOf(selector: Selector): string {
  if (selector.requirements === undefined) return '!'
  return selector.requirements
    .map((requirement) => formatSelector({ requirements: [requirement] }))
    .toSorted()
    .join(',')
}

function portsOf(ports: readonly NetworkPolicyPort[]): readonly Ports[] {
  if (ports.length === 0) return [{ type: 'any' }]
  return (['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol) => {
    const ofProtocol = ports.filter((port) => protocolOf(port.protocol) === protocol)
    return ofProtocol.some(({ port }) => port === undefined)
      ? [{ type: 'protocol', protocol } as const]
      : [...numbersOf(ofProtocol, protocol), ...namesOf(ofProtocol, protocol)]
  })
}

function numbersOf(ports: readonly NetworkPolicyPort[], protocol: Protocol): readonly Ports[] {
  const ranges = ports.flatMap(({ port, endPort }): readonly PortRange[] =>
    typeof port === 'number' ? [[port, Math.max(port, endPort ?? port)]] : [],
  )
  return ranges.length === 0 ? [] : [{ type: 'numbers', protocol, ranges: uniteRanges(ranges) }]
}

function uniteRanges(ranges: readonly PortRange[]): readonly PortRange[] {
  const united: PortRange[] = []
  for (const [first, last] of ranges.toSorted(([a], [b]) => a - b)) {
    const before = united.at(-1)
    if (before === undefined || first > before[1] + 1) united.push([first, last])
    else united.splice(-1, 1, [before[0], Math.max(before[1], last)])
  }
  return united
}

function namesOf(ports: readonly NetworkPolicyPort[], protocol: Protocol): readonly Ports[] {
  const names = new Set(ports.flatMap(({ port }) => (typeof port === 'string' ? [port] : [])))
  return [...names].toSorted().map((name) => ({ type: 'named', protocol, name }))
}
