/**
 * Says whether NetworkPolicies let a connection begin, from the API's documentation alone
 * (networking.k8s.io/v1, NetworkPolicySpec and "Network Policies" in the concepts). Slow, short, and written without
 * a look at how kube-proxy does it: it imports nothing of kube-proxy.
 */
import { isIP } from 'node:net'

type Labels = Readonly<Record<string, string>>
export type Selector = {
  readonly matchLabels?: Labels
  readonly matchExpressions?: readonly {
    readonly key: string
    readonly operator: string
    readonly values?: readonly string[]
  }[]
}
export type Peer = {
  readonly podSelector?: Selector
  readonly namespaceSelector?: Selector
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] }
}
export type Port = { readonly protocol?: string; readonly port?: number | string; readonly endPort?: number }
export type Policy = {
  readonly namespace: string
  readonly name: string
  readonly spec: {
    readonly podSelector?: Selector
    readonly policyTypes?: readonly string[]
    readonly ingress?: readonly { readonly from?: readonly Peer[]; readonly ports?: readonly Port[] }[]
    readonly egress?: readonly { readonly to?: readonly Peer[]; readonly ports?: readonly Port[] }[]
  }
}
export type OraclePod = {
  readonly namespace: string
  readonly name: string
  readonly labels: Labels
  readonly ips: readonly string[]
  readonly node: string
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[]
}
export type OracleCluster = {
  readonly namespaces: Readonly<Record<string, Labels>>
  readonly pods: readonly OraclePod[]
  readonly policies: readonly Policy[]
}
/** One end of a connection: a pod, a node, or an address outside the cluster. */
export type End =
  | { readonly type: 'pod'; readonly pod: OraclePod; readonly ip: string }
  | { readonly type: 'node'; readonly name: string; readonly ip: string }
  | { readonly type: 'outside'; readonly ip: string }
export type Connection = {
  readonly from: End
  readonly to: End
  readonly port: number
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
}

/** Whether the connection may begin: the source's egress and the destination's ingress must both allow it. */
export function isAllowed(cluster: OracleCluster, connection: Connection): boolean {
  const { from, to } = connection
  // "a pod cannot block access to itself"
  if (from.type === 'pod' && to.type === 'pod' && from.pod === to.pod) return true
  // "traffic to and from the node where a Pod is running is always allowed"
  if (from.type === 'node' && to.type === 'pod' && to.pod.node === from.name) return true
  if (to.type === 'node' && from.type === 'pod' && from.pod.node === to.name) return true
  return allows(cluster, connection, 'Egress') && allows(cluster, connection, 'Ingress')
}

function allows(cluster: OracleCluster, connection: Connection, type: 'Ingress' | 'Egress'): boolean {
  const { from, to } = connection
  const [self, other] = type === 'Ingress' ? [to, from] : [from, to]
  if (self.type !== 'pod') return true
  const policies = cluster.policies.filter(
    ({ namespace, spec }) =>
      namespace === self.pod.namespace &&
      selects(spec.podSelector ?? {}, self.pod.labels) &&
      typesOf(spec).includes(type),
  )
  if (policies.length === 0) return true
  return policies.some(({ namespace, spec }) => {
    const rules =
      type === 'Ingress'
        ? (spec.ingress ?? []).map(({ from: peers, ports }) => ({ peers, ports }))
        : (spec.egress ?? []).map(({ to: peers, ports }) => ({ peers, ports }))
    return rules.some(
      ({ peers = [], ports = [] }) =>
        (peers.length === 0 || peers.some((peer) => isPeer(cluster, namespace, peer, other))) &&
        (ports.length === 0 || ports.some((port) => isPort(port, connection))),
    )
  })
}

function typesOf(spec: Policy['spec']): readonly string[] {
  if (spec.policyTypes !== undefined && spec.policyTypes.length > 0) return spec.policyTypes
  return spec.egress !== undefined && spec.egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress']
}

function isPeer(cluster: OracleCluster, policyNamespace: string, peer: Peer, end: End): boolean {
  if (peer.ipBlock !== undefined) {
    const { cidr, except = [] } = peer.ipBlock
    return isWithin(end.ip, cidr) && !except.some((hole) => isWithin(end.ip, hole))
  }
  if (end.type !== 'pod') return false
  const { namespace, labels } = end.pod
  const isNamespace =
    peer.namespaceSelector === undefined
      ? namespace === policyNamespace
      : selects(peer.namespaceSelector, cluster.namespaces[namespace] ?? {})
  return isNamespace && (peer.podSelector === undefined || selects(peer.podSelector, labels))
}

function isPort({ protocol = 'TCP', port, endPort }: Port, connection: Connection): boolean {
  if (protocol !== connection.protocol) return false
  if (port === undefined) return true
  if (typeof port === 'number') return connection.port >= port && connection.port <= (endPort ?? port)
  if (connection.to.type !== 'pod') return false
  return connection.to.pod.ports.some(
    (each) => each.name === port && each.protocol === protocol && each.port === connection.port,
  )
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key]
      switch (operator) {
        case 'In':
          return value !== undefined && values.includes(value)
        case 'NotIn':
          return value === undefined || !values.includes(value)
        case 'Exists':
          return value !== undefined
        case 'DoesNotExist':
          return value === undefined
        default:
          throw new TypeError(`no operator ${operator}`)
      }
    })
  )
}

function isWithin(ip: string, cidr: string): boolean {
  const [network = '', prefix = ''] = cidr.split('/')
  if (isIP(ip) !== isIP(network)) return false
  return bitsOf(ip).startsWith(bitsOf(network).slice(0, Number(prefix)))
}

/** The address as a row of zeros and ones. */
function bitsOf(ip: string): string {
  const wide = (number: number, width: number) => number.toString(2).padStart(width, '0')
  if (isIP(ip) === 4) {
    return ip
      .split('.')
      .map((part) => wide(Number(part), 8))
      .join('')
  }
  const [head = '', tail] = ip.split('::')
  const groups = (text: string | undefined) => (text === undefined || text === '' ? [] : text.split(':'))
  const [left, right] = [groups(head), groups(tail)]
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].map((group) => wide(Number.parseInt(group, 16), 16)).join('')
}
