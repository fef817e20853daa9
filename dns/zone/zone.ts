/**
 * The names of a cluster: Kubernetes DNS-based service discovery 1.1.0. Pure.
 *
 *   <service>.<ns>.svc.<zone>                        A, AAAA, SRV; CNAME for ExternalName
 *   <endpoint>.<service>.<ns>.svc.<zone>             A, AAAA, SRV
 *   _<port>._<protocol>.<service>.<ns>.svc.<zone>    SRV
 *   <1-2-3-4>.<ns>.pod.<zone>                        A, AAAA
 *   dns-version.<zone>                               TXT
 *
 * What the specification leaves open (negative answers, apex, weights) is as CoreDNS' kubernetes plugin has it.
 */
import { isIP, isIPv4 } from 'node:net'
import type { ClusterView, PortName, ServiceView } from '../cluster/view.ts'
import { isWithin } from '../codec/name.ts'
import { type RecordData, type ResourceRecord, record, types } from '../codec/record.ts'

/** The zone's own facts. */
export type ZoneConfig = {
  /** With a dot at the end, in lower case: `cluster.local.` */
  readonly domain: string
  readonly ttlSeconds: number
  readonly serial: number
  /** Addresses of the DNS Service, for the name server's own record where the Service cannot be found. */
  readonly serviceAddresses: readonly string[]
  /** Addresses of this process: the Service that they stand behind is the name server. */
  readonly ownAddresses: readonly string[]
  readonly pods: PodMode
  /** Headless Services and endpoints have names. */
  readonly hasEndpoints: boolean
  /** A Service that nobody stands behind does not exist. */
  readonly isEmptyIgnored: boolean
}

/** Which names `1-2-3-4.<ns>.pod` exist: none, all, or those of pods. */
export type PodMode = 'disabled' | 'insecure' | 'verified'

/**
 * An answer. `exists` is false for a name that is not there at all; a name that is there
 * without records of the type has no answers. `alias` is a name outside that the caller looks up and appends.
 */
export type ZoneAnswer = {
  readonly exists: boolean
  readonly answers: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
  readonly alias?: string
}

const nothing: ZoneAnswer = { exists: true, answers: [], additionals: [] }
const nameError: ZoneAnswer = { exists: false, answers: [], additionals: [] }

/** A chain of aliases inside the cluster is followed no further. */
const maxAliases = 8

/** Answers a question for a name within the zone; `name` in lower case. */
export function answerZone(zone: ZoneConfig, cluster: ClusterView, name: string, type: number): ZoneAnswer {
  return follow(zone, cluster, name, type, maxAliases)
}

function follow(zone: ZoneConfig, cluster: ClusterView, name: string, type: number, depth: number): ZoneAnswer {
  if (name === zone.domain) return answerApex(zone, cluster, type)
  const labels = name.slice(0, -zone.domain.length - 1).split('.')
  const kind = labels.at(-1)
  if (labels.length === 1 && kind === 'dns-version') return answerVersion(zone, name, type)
  // Nothing of its own, but a name below it (RFC 8020).
  if (labels.length === 1 && kind === 'dns') return nothing
  if (name === `ns.dns.${zone.domain}`) {
    const addresses = nameServers(zone, cluster).map(({ address }) => address)
    return only(addressRecords(zone, name, [...new Set(addresses)], type))
  }
  if (kind === 'pod') return answerPod(zone, cluster, name, labels.slice(0, -1), type)
  if (kind === 'svc') return answerService(zone, cluster, name, labels.slice(0, -1), type, depth)
  return nameError
}

function answerApex(zone: ZoneConfig, cluster: ClusterView, type: number): ZoneAnswer {
  if (type === types.SOA) return only([soaRecord(zone)])
  if (type !== types.NS) return nothing
  const servers = nameServers(zone, cluster)
  const names = [...new Set(servers.map(({ name }) => name))]
  return {
    exists: true,
    answers: names.map((target) => record(zone.domain, zone.ttlSeconds, { type: 'NS', target })),
    additionals: servers.map(({ name, address }) => record(name, zone.ttlSeconds, addressData(address))),
  }
}

/** Who answers for the zone: the Service that this process stands behind, or a name made up for it. */
export function nameServers(
  zone: ZoneConfig,
  cluster: ClusterView,
): readonly { readonly name: string; readonly address: string }[] {
  const found = zone.ownAddresses.flatMap((own) =>
    cluster.endpointsOf(own).flatMap(({ namespace, name }) => {
      const service = cluster.service(namespace, name)
      const base = `${name}.${namespace}.svc.${zone.domain}`
      if (service?.kind === 'clusterIp') return service.addresses.map((address) => ({ name: base, address }))
      if (service?.kind !== 'headless') return []
      return cluster
        .endpoints(namespace, name)
        .map(({ hostname, address }) => ({ name: `${hostname}.${base}`, address }))
    }),
  )
  const unique = [...new Map(found.map((server) => [`${server.name} ${server.address}`, server])).values()]
  const fallback = zone.serviceAddresses.length > 0 ? zone.serviceAddresses : zone.ownAddresses
  return unique.length > 0 ? unique : fallback.map((address) => ({ name: `ns.dns.${zone.domain}`, address }))
}

/** The record that negative answers carry: how long "no" may be remembered. */
export function soaRecord({ domain, ttlSeconds, serial }: ZoneConfig): ResourceRecord {
  return record(domain, ttlSeconds, {
    type: 'SOA',
    primary: `ns.dns.${domain}`,
    mailbox: `hostmaster.${domain}`,
    serial,
    refreshSeconds: 7200,
    retrySeconds: 1800,
    expireSeconds: 86_400,
    minimumSeconds: ttlSeconds,
  })
}

/** The version of the specification does not change while the server runs. */
const versionTtlSeconds = 28_800

function answerVersion(_: ZoneConfig, name: string, type: number): ZoneAnswer {
  return type === types.TXT ? only([record(name, versionTtlSeconds, { type: 'TXT', texts: ['1.1.0'] })]) : nothing
}

/** `1-2-3-4.<ns>.pod`, in a namespace that exists: any address, or only those of pods. */
function answerPod(
  zone: ZoneConfig,
  cluster: ClusterView,
  name: string,
  labels: readonly string[],
  type: number,
): ZoneAnswer {
  const namespace = labels.at(-1)
  if (namespace === undefined) return nothing
  if (zone.pods === 'disabled' || !cluster.hasNamespace(namespace) || labels.length > 2) return nameError
  const pod = labels.at(-2)
  if (pod === undefined) return nothing
  const isIpv4 = pod.split('-').length === 4 && !pod.includes('--')
  const address = pod.replaceAll('-', isIpv4 ? '.' : ':')
  if (isIP(address) === 0) return nameError
  if (zone.pods === 'verified' && !cluster.podNamespaces(address).includes(namespace)) return nameError
  return only(addressRecords(zone, name, [address], type))
}

function answerService(
  zone: ZoneConfig,
  cluster: ClusterView,
  name: string,
  labels: readonly string[],
  type: number,
  depth: number,
): ZoneAnswer {
  const [service, namespace] = labels.slice(-2).length === 2 ? labels.slice(-2) : [undefined, labels.at(-1)]
  if (namespace === undefined) return nothing
  if (!cluster.hasNamespace(namespace)) return nameError
  if (service === undefined) return nothing
  const selector = parseSelector(labels.slice(0, -2))
  const view = cluster.service(namespace, service)
  if (view === undefined || selector === undefined) return nameError
  if (view.kind === 'externalName') {
    if (selector.endpoint !== undefined || selector.port !== undefined) return nameError
    return answerAlias(zone, cluster, name, view.target, type, depth)
  }
  const isEmpty = zone.isEmptyIgnored && view.kind === 'clusterIp' && cluster.endpoints(namespace, service).length === 0
  if (isEmpty) return nameError
  const base = `${service}.${namespace}.svc.${zone.domain}`
  const isByEndpoint = view.kind === 'headless' || selector.endpoint !== undefined
  const targets = isByEndpoint
    ? zone.hasEndpoints
      ? endpointTargets(cluster, { namespace, service, base }, selector)
      : []
    : view.addresses.flatMap((address) =>
        selectPorts(view.ports, selector).map((port) => ({ owner: base, address, port })),
      )
  if (targets.length === 0) return hasProtocol(cluster, { namespace, service, view }, selector) ? nothing : nameError
  if (type === types.SRV) return answerSrv(zone, name, targets)
  return only(addressRecords(zone, name, [...new Set(targets.map(({ address }) => address))], type))
}

/** `_tcp.<service>` has no records, but names below it (RFC 8020): a port with that protocol. */
function hasProtocol(
  cluster: ClusterView,
  { namespace, service, view }: { readonly namespace: string; readonly service: string; readonly view: ServiceView },
  { endpoint }: Selector,
): boolean {
  if (endpoint?.startsWith('_') !== true) return false
  const ports =
    view.kind === 'clusterIp' ? view.ports : cluster.endpoints(namespace, service).flatMap((item) => item.ports)
  return ports.some(({ name, protocol }) => name !== '' && `_${protocol.toLowerCase()}` === endpoint)
}

/** What stands before the service: nothing, an endpoint, or a port with its protocol. */
type Selector = { readonly endpoint?: string; readonly port?: string; readonly protocol?: string }

function parseSelector(labels: readonly string[]): Selector | undefined {
  const [first, second] = labels
  if (first === undefined) return {}
  if (second === undefined) return { endpoint: first }
  if (labels.length > 2) return undefined
  return { port: first.replace(/^_/, ''), protocol: second.replace(/^_/, '') }
}

/** An address that a name leads to, the name it has itself, and a port of it. */
type Target = { readonly owner: string; readonly address: string; readonly port: PortName }

/** Stands in for the ports of a Service that names none: it has an address, but nothing for SRV. */
const noPort: PortName = { name: '', protocol: '', port: -1 }

function selectPorts(ports: readonly PortName[], { port, protocol }: Selector): readonly PortName[] {
  const all = ports.length === 0 ? [noPort] : ports
  if (port === undefined) return all
  return all.filter((item) => item.name.toLowerCase() === port && item.protocol.toLowerCase() === protocol)
}

function endpointTargets(
  cluster: ClusterView,
  { namespace, service, base }: { readonly namespace: string; readonly service: string; readonly base: string },
  selector: Selector,
): readonly Target[] {
  return cluster
    .endpoints(namespace, service)
    .filter(({ hostname }) => selector.endpoint === undefined || hostname.toLowerCase() === selector.endpoint)
    .flatMap(({ hostname, address, ports }) => {
      return selectPorts(ports, selector).map((port) => ({ owner: `${hostname}.${base}`, address, port }))
    })
}

function answerSrv(zone: ZoneConfig, name: string, targets: readonly Target[]): ZoneAnswer {
  const withPort = targets.filter(({ port }) => port.port > 0)
  const unique = new Map(withPort.map((target) => [`${target.owner} ${target.port.port}`, target]))
  const weight = Math.floor(100 / Math.max(unique.size, 1))
  const answers = [...unique.values()].map(({ owner, port }) => {
    return record(name, zone.ttlSeconds, { type: 'SRV', priority: 0, weight, port: port.port, target: owner })
  })
  const owners = new Map(withPort.map(({ owner, address }) => [`${owner} ${address}`, { owner, address }]))
  const additionals = [...owners.values()].map(({ owner, address }) =>
    record(owner, zone.ttlSeconds, addressData(address)),
  )
  return { exists: true, answers, additionals }
}

function answerAlias(
  zone: ZoneConfig,
  cluster: ClusterView,
  name: string,
  target: string,
  type: number,
  depth: number,
): ZoneAnswer {
  const alias = target.endsWith('.') ? target.toLowerCase() : `${target.toLowerCase()}.`
  // An address is no name; the reference implementation does not answer for it either.
  if (target === '' || isIP(alias.slice(0, -1)) !== 0) return nameError
  const own = record(name, zone.ttlSeconds, { type: 'CNAME', target: alias })
  if (type === types.CNAME) return only([own])
  if (!followed.has(type)) return nothing
  if (!isWithin(alias, zone.domain)) return { exists: true, answers: [own], additionals: [], alias }
  if (depth <= 1 || alias === name) return only([own])
  const next = follow(zone, cluster, alias, type, depth - 1)
  return { ...next, exists: true, answers: [own, ...next.answers] }
}

const followed: ReadonlySet<number> = new Set([types.A, types.AAAA])

function isOfType(data: RecordData, type: number): boolean {
  return data.type !== 'raw' && types[data.type] === type
}

function addressData(address: string): RecordData {
  return { type: isIPv4(address) ? 'A' : 'AAAA', address }
}

function addressRecords(
  { ttlSeconds }: ZoneConfig,
  name: string,
  addresses: readonly string[],
  type: number,
): readonly ResourceRecord[] {
  return addresses
    .map(addressData)
    .filter((data) => isOfType(data, type))
    .map((data) => record(name, ttlSeconds, data))
}

function only(answers: readonly ResourceRecord[]): ZoneAnswer {
  return { exists: true, answers, additionals: [] }
}
