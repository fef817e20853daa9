/** The API objects of the packet tests: Services and slices from short rows, nodes from the layout. Pure. */
import type { Node, Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { type IpFamily, ipOf, type Layout, machineOf } from './layout.ts'

export type EndpointState = 'ready' | 'notReady' | 'terminating'
export type Protocol = 'TCP' | 'UDP' | 'SCTP'
export type Endpoints = readonly (string | readonly [machine: string, state: EndpointState])[]
export type PacketService = {
  readonly name: string
  readonly protocol?: Protocol
  /** Names of pods or nodes; with another state than ready as a pair. */
  readonly endpoints: Endpoints
  /** Other protocols at the same port, with endpoints of their own. */
  readonly besides?: readonly { readonly protocol: Protocol; readonly endpoints: Endpoints }[]
  readonly spec?: Partial<NonNullable<Service['spec']>>
  readonly hasNodePort?: boolean
  readonly hasExternalIp?: boolean
  readonly hasLoadBalancer?: boolean
  /** Machines that may use the load balancer; all when not given. */
  readonly allowedSources?: readonly string[]
}

/** Services are at this port and lead to this one. */
export const servicePort = 80
const targetPort = 8080
const families: readonly IpFamily[] = ['IPv4', 'IPv6']

/** The addresses and node port that belong to a Service, by its place in the list. */
export function addressesOf(services: readonly PacketService[], name: string) {
  const index = services.findIndex((service) => service.name === name)
  if (index < 0) throw new TypeError(`No Service ${name}`)
  const at = index + 10
  const pair = (v4: string, v6: string) => ({ IPv4: `${v4}.${at}`, IPv6: `${v6}::${at.toString(16)}` })
  return {
    clusterIps: pair('10.96.0', 'fd00:10:96'),
    externalIps: pair('192.0.2', '2001:db8:192'),
    loadBalancerIps: pair('198.51.100', '2001:db8:198'),
    nodePort: 30_000 + at,
  }
}

/** Everything that kube-proxy reads from the API. */
export type ClusterObjects = {
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
  readonly nodes: readonly Node[]
}

/** The objects of a cluster with these Services. */
export function clusterObjects(layout: Layout, services: readonly PacketService[]): ClusterObjects {
  return {
    services: services.map((service) => serviceOf(layout, services, service)),
    slices: services.flatMap((service) => families.flatMap((family) => slicesOf(layout, service, family))),
    nodes: layout.nodes.map(({ name, ips, podCidrs }) => ({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: metadataOf(name, {}),
      spec: { podCIDR: podCidrs.IPv4, podCIDRs: [podCidrs.IPv4, podCidrs.IPv6] },
      status: { addresses: families.map((family) => ({ type: 'InternalIP', address: ips[family][0] ?? '' })) },
    })) as unknown as readonly Node[],
  }
}

function metadataOf(name: string, more: object) {
  return { name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-02T03:04:05Z', ...more }
}

function serviceOf(layout: Layout, services: readonly PacketService[], service: PacketService): Service {
  const { name, protocol = 'TCP', besides = [], spec, allowedSources } = service
  const { hasNodePort, hasExternalIp, hasLoadBalancer } = service
  const { clusterIps, externalIps, loadBalancerIps, nodePort } = addressesOf(services, name)
  const both = (ips: Readonly<Record<IpFamily, string>>) => families.map((family) => ips[family])
  const ranges = allowedSources?.flatMap((machine) =>
    families.map((family) => `${ipOf(layout, machine, family)}/${family === 'IPv4' ? 32 : 128}`),
  )
  const type = hasLoadBalancer === true ? 'LoadBalancer' : hasNodePort === true ? 'NodePort' : 'ClusterIP'
  const ports = [{ protocol }, ...besides].map((each) => ({
    ...{ name: nameOf(each.protocol), protocol: each.protocol, port: servicePort, targetPort },
    ...(hasNodePort === true ? { nodePort } : {}),
  }))
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: metadataOf(name, { namespace: 'default' }),
    spec: {
      type,
      clusterIP: clusterIps.IPv4,
      clusterIPs: both(clusterIps),
      ipFamilies: families,
      ipFamilyPolicy: 'RequireDualStack',
      internalTrafficPolicy: 'Cluster',
      sessionAffinity: 'None',
      ...(type === 'ClusterIP' ? {} : { externalTrafficPolicy: 'Cluster' }),
      ...(hasExternalIp === true ? { externalIPs: both(externalIps) } : {}),
      ...(ranges === undefined ? {} : { loadBalancerSourceRanges: ranges }),
      ports,
      ...spec,
    },
    status: {
      loadBalancer:
        hasLoadBalancer === true ? { ingress: both(loadBalancerIps).map((ip) => ({ ip, ipMode: 'VIP' })) } : {},
    },
    // A test's object: what the API server would have added is not read by kube-proxy.
  } as unknown as Service
}

const conditions = {
  ready: { ready: true, serving: true, terminating: false },
  notReady: { ready: false, serving: false, terminating: false },
  terminating: { ready: false, serving: true, terminating: true },
} as const

function nameOf(protocol: Protocol): string {
  return protocol.toLowerCase()
}

function slicesOf(
  layout: Layout,
  { name, protocol = 'TCP', endpoints, besides = [] }: PacketService,
  family: IpFamily,
): readonly EndpointSlice[] {
  return [{ protocol, endpoints }, ...besides].map((each) => sliceOf(layout, name, each, family))
}

function sliceOf(
  layout: Layout,
  service: string,
  { protocol, endpoints }: { readonly protocol: Protocol; readonly endpoints: Endpoints },
  family: IpFamily,
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadataOf(`${service}-${nameOf(protocol)}-${family.toLowerCase()}`, {
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': service },
    }),
    addressType: family,
    ports: [{ name: nameOf(protocol), protocol, port: targetPort }],
    endpoints: endpoints.map((endpoint) => {
      const [machine, state] = typeof endpoint === 'string' ? ([endpoint, 'ready'] as const) : endpoint
      const found = machineOf(layout, machine)
      return {
        addresses: [found.ips[family][0]],
        conditions: conditions[state],
        nodeName: found.type === 'pod' ? found.node : machine,
      }
    }),
  } as unknown as EndpointSlice
}
