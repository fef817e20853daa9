/** Small clusters of Services for tests. */
import type { Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import { type Blocks, flatten } from '../netfilter/ruleset.ts'
import { type Packet, type TraceOptions, tracePacket } from '../netfilter/trace.ts'
import { baseJumps } from './iptables/base.ts'
import type { RenderOptions } from './iptables/options.ts'
import { blocksOf } from './iptables/plan.ts'
import type { ModeSettings } from './mode.ts'
import type { NodeState } from './plan/node.ts'
import { type PlannedPort, Planner, type Snapshot } from './plan/planner.ts'

export const nodeName = 'node-1'
export const nodeIp = '172.16.0.11'

export type EndpointOptions = {
  readonly ip: string
  readonly node?: string
  readonly ready?: boolean
  readonly serving?: boolean
  readonly terminating?: boolean
  readonly zones?: readonly string[]
  readonly nodes?: readonly string[]
}
export type ServiceOptions = {
  readonly name: string
  readonly spec?: Partial<NonNullable<Service['spec']>>
  readonly loadBalancerIps?: readonly string[]
  readonly endpoints?: readonly EndpointOptions[]
  readonly protocol?: 'TCP' | 'UDP' | 'SCTP'
  readonly nodePort?: number
}

export const defaultOptions: RenderOptions = {
  family: 'ip',
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  localDetector: { isLocal: '-s 10.244.0.0/16', isNotLocal: '! -s 10.244.0.0/16' },
  nodeIps: [nodeIp],
  nodePortAddresses: 'all',
  hasLocalhostNodePorts: true,
  dropsInvalid: true,
  bridgedSources: undefined,
  isLarge: false,
}

/** The node of `defaultOptions`, as modes take it. */
export const defaultNode: NodeState = {
  family: 'ip',
  topology: { nodeName, zone: 'zone-a' },
  podTraffic: { type: 'source', cidr: '10.244.0.0/16' },
  nodeIps: [nodeIp],
  nodePortAddresses: 'all',
  podCidr: '10.244.0.0/24',
  serviceCidrs: ['10.96.0.0/12'],
}

/** Settings as the flags have them by default. */
export const defaultSettings: ModeSettings = {
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  hasLocalhostNodePorts: true,
  dropsInvalid: true,
  seesBridged: true,
}

/** A Service at 10.96.0.1:80 in namespace `default` with its slice. */
export function makeService(options: ServiceOptions): { readonly service: Service; readonly slice: EndpointSlice } {
  const { name, spec, loadBalancerIps = [], endpoints = [], protocol = 'TCP', nodePort } = options
  const metadata = { namespace: 'default', name, uid: name, resourceVersion: '1', creationTimestamp: '' }
  const port = { name: 'http', protocol, port: 80, ...(nodePort === undefined ? {} : { nodePort }) }
  const service = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1'], type: 'ClusterIP', ports: [port], ...spec },
    status: { loadBalancer: { ingress: loadBalancerIps.map((ip) => ({ ip })) } },
  } as unknown as Service
  const slice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol, port: 8080 }],
    endpoints: endpoints.map(
      ({ ip, node = nodeName, ready = true, serving = ready, terminating = false, zones, nodes }) => ({
        addresses: [ip],
        nodeName: node,
        conditions: { ready, serving, terminating },
        hints: {
          ...(zones === undefined ? {} : { forZones: zones.map((zone) => ({ name: zone })) }),
          ...(nodes === undefined ? {} : { forNodes: nodes.map((each) => ({ name: each })) }),
        },
      }),
    ),
  } as unknown as EndpointSlice
  return { service, slice }
}

/** The snapshot of a cluster. */
export function makeSnapshot(services: readonly ServiceOptions[]): Snapshot {
  const made = services.map(makeService)
  return {
    family: 'ip',
    services: made.map(({ service }) => service),
    slicesOf: (service) => made.filter((each) => each.service === service).map(({ slice }) => slice),
    topology: { nodeName, zone: 'zone-a' },
  }
}

/** The ports of a node that was just started. */
export function planPorts(services: readonly ServiceOptions[]): readonly PlannedPort[] {
  return new Planner().plan(makeSnapshot(services))
}

/** The iptables rules of a node that was just started. */
export function planFor(services: readonly ServiceOptions[], options: Partial<RenderOptions> = {}): Blocks {
  return blocksOf(planPorts(services), { ...defaultOptions, ...options })
}

/** Sends a packet through the rules, with the kernel's chains as kube-proxy sets them up. */
export function trace(
  blocks: Blocks,
  packet: Packet,
  options: Omit<TraceOptions, 'tables' | 'localAddresses'> = {},
  renderOptions: Partial<RenderOptions> = {},
): ReturnType<typeof tracePacket> {
  const tables = new Map(flatten(blocks))
  for (const [table, chains] of baseJumps({ ...defaultOptions, ...renderOptions })) {
    tables.set(table, new Map([...(tables.get(table) ?? []), ...chains]))
  }
  return tracePacket(packet, { localAddresses: [nodeIp], ...options, tables })
}
