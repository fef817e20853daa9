/** From what the user typed to who sends and where to: pods, nodes, Services, addresses. Pure. */
import { isIP, isIPv4 } from 'node:net'
import type { Pod, Service } from '../../api/core/v1.ts'
import { type ClusterObjects, keyOf, nodeIps, podAt, podIps } from './cluster.ts'
import type { Sender } from './walk.ts'

/** A wrong question; the message is for the user, in kubectl's words where kubectl has some. */
export class TargetError extends Error {
  override readonly name = 'TargetError'
}

export type Place =
  | { readonly type: 'pod' | 'service'; readonly namespace: string; readonly name: string }
  | { readonly type: 'node'; readonly name: string }
  | { readonly type: 'address'; readonly ip: string }

const kinds: Readonly<Record<string, 'pod' | 'service' | 'node'>> = {
  ...{ pod: 'pod', pods: 'pod', po: 'pod' },
  ...{ service: 'service', services: 'service', svc: 'service' },
  ...{ node: 'node', nodes: 'node', no: 'node' },
}

/** Reads `NAME`, `ns/name`, `pod/name`, `svc/ns/name`, `node/name`, `name.ns.svc`, or an address. */
export function parsePlace(text: string, namespace: string): Place {
  if (isIP(text) !== 0) return { type: 'address', ip: text }
  const [, name = '', of = ''] = /^([^./]+)\.([^./]+)\.svc(?:\..*)?$/.exec(text) ?? []
  if (name !== '') return { type: 'service', namespace: of, name }
  const parts = text.split('/')
  if (parts.length > 3 || parts.some((part) => part === '')) {
    throw new TargetError(`"${text}" is none of pod, node/NAME, svc/NAME, NAMESPACE/POD or an address`)
  }
  const kind = parts.length === 1 ? 'pod' : kinds[parts[0] ?? '']
  if (parts.length === 3 && kind === undefined) {
    throw new TargetError(`the server doesn't have a resource type "${parts[0] ?? ''}"`)
  }
  if (kind === undefined) return { type: 'pod', namespace: parts[0] ?? '', name: parts[1] ?? '' }
  const rest = parts.length === 1 ? parts : parts.slice(1)
  const last = rest.at(-1) ?? ''
  if (kind === 'node') {
    if (rest.length === 2) throw new TargetError('a node has no namespace')
    return { type: 'node', name: last }
  }
  return { type: kind, namespace: rest.length === 2 ? (rest[0] ?? '') : namespace, name: last }
}

/** Splits `TO[:PORT]`; an IPv6 address with a port stands in brackets. */
export function splitPort(text: string): { readonly place: string; readonly port: string | undefined } {
  const [, bracketed = '', port] = /^\[([^\]]+)\](?::(.+))?$/.exec(text) ?? []
  if (bracketed !== '') return { place: bracketed, port }
  if (isIP(text) !== 0) return { place: text, port: undefined }
  const colon = text.lastIndexOf(':')
  return colon < 0 ? { place: text, port: undefined } : { place: text.slice(0, colon), port: text.slice(colon + 1) }
}

export type Protocol = 'tcp' | 'udp' | 'sctp'
export type Destination = {
  /** As people call it: `service web/api`, `pod web/a`. */
  readonly label: string
  readonly ip: string
  readonly port: number
  readonly protocol: Protocol
  readonly service: Service | undefined
}

export type Question = {
  readonly from: Place
  readonly to: Place
  readonly port: string | undefined
  /** `undefined`: what the Service port says, else TCP. */
  readonly protocol: Protocol | undefined
  /** By which node packets from outside come in. */
  readonly via: string | undefined
}

/** Who sends; packets from outside come in by the node that has the destination's address, else by the first one. */
export function senderOf(
  { from, via }: Question,
  to: Destination,
  objects: ClusterObjects,
): Sender & { readonly label: string } {
  switch (from.type) {
    case 'service':
      throw new TargetError('a Service sends nothing: FROM is a pod, a node or an address')
    case 'node':
      return { type: 'node', node: nodeNamed(objects, from.name), label: `node ${from.name}` }
    case 'pod':
      return podSender(podNamed(objects, from), to)
    case 'address': {
      const pod = podAt(objects, from.ip)
      if (pod !== undefined) return podSender(pod, to)
      const node = objects.nodes.find((each) => nodeIps(each).includes(from.ip))
      if (node !== undefined) return { type: 'node', node: node.metadata.name, label: `node ${node.metadata.name}` }
      if (isIPv4(from.ip) !== isIPv4(to.ip)) throw new TargetError(`${from.ip} and ${to.ip} are of different families`)
      return { type: 'outside', ip: from.ip, node: entryNode(objects, to.ip, via), label: `${from.ip} (outside)` }
    }
  }
}

function podSender(pod: Pod, to: Destination): Sender & { readonly label: string } {
  const [key, node] = [keyOf(pod), pod.spec?.nodeName]
  if (node === undefined || node === '') throw new TargetError(`pod ${key} is not on a node yet`)
  if (pod.spec?.hostNetwork === true)
    return { type: 'node', node, label: `pod ${key} (on the host network of ${node})` }
  const ip = podIps(pod).find((each) => isIPv4(each) === isIPv4(to.ip))
  if (ip === undefined) throw new TargetError(`pod ${key} has no address of the family of ${to.ip}`)
  return { type: 'pod', ip, node, label: `pod ${key}` }
}

function entryNode({ nodes }: ClusterObjects, ip: string, via: string | undefined): string {
  if (via !== undefined) {
    if (!nodes.some(({ metadata }) => metadata.name === via)) throw notFound('nodes', via)
    return via
  }
  const names = nodes.map(({ metadata }) => metadata.name).toSorted()
  return nodes.find((node) => nodeIps(node).includes(ip))?.metadata.name ?? names[0] ?? ''
}

/** Where to. */
export function destinationOf(question: Question, objects: ClusterObjects): Destination {
  const { to, port, protocol = 'tcp' } = question
  switch (to.type) {
    case 'service':
      return serviceDestination(serviceNamed(objects, to), question, objects)
    case 'pod': {
      const pod = podNamed(objects, to)
      const ip = podIps(pod)[0]
      if (ip === undefined) throw new TargetError(`pod ${keyOf(pod)} has no address yet`)
      return { label: `pod ${keyOf(pod)}`, ip, ...podPort(pod, port, question.protocol), service: undefined }
    }
    case 'node': {
      nodeNamed(objects, to.name)
      const node = objects.nodes.find(({ metadata }) => metadata.name === to.name)
      const ip = node === undefined ? undefined : nodeIps(node)[0]
      if (ip === undefined) throw new TargetError(`node ${to.name} has no address`)
      return { label: `node ${to.name}`, ip, port: numberOf(port), protocol, service: undefined }
    }
    case 'address': {
      const pod = podAt(objects, to.ip)
      const label = pod === undefined ? to.ip : `pod ${keyOf(pod)}`
      if (pod !== undefined) return { label, ip: to.ip, ...podPort(pod, port, question.protocol), service: undefined }
      const service = objects.services.find((each) => addressesOf(each).includes(to.ip))
      if (service === undefined) return { label, ip: to.ip, port: numberOf(port), protocol, service }
      return { ...serviceDestination(service, question, objects), ip: to.ip }
    }
  }
}

function addressesOf({ spec, status }: Service): readonly string[] {
  const ingress = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])
  return [...(spec?.clusterIPs ?? [spec?.clusterIP ?? '']), ...(spec?.externalIPs ?? []), ...ingress]
}

function serviceDestination(service: Service, question: Question, objects: ClusterObjects): Destination {
  const { metadata, spec } = service
  const key = `${metadata.namespace ?? ''}/${metadata.name}`
  if (spec?.type === 'ExternalName') {
    throw new TargetError(
      `service ${key} is a name for ${spec.externalName ?? ''}, which DNS answers: trace that address`,
    )
  }
  const { from } = question
  const wantsV6 = from.type === 'address' && !isIPv4(from.ip)
  const ips = (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).filter((ip) => isIP(ip) !== 0)
  const ip = ips.find((each) => isIPv4(each) !== wantsV6) ?? ips[0]
  if (ip === undefined) return headlessDestination(key, question, objects)
  const { port, protocol } = servicePort(service, question)
  return { label: `service ${key}`, ip, port, protocol, service }
}

function servicePort({ metadata, spec }: Service, { port, protocol }: Question): { port: number; protocol: Protocol } {
  const ports = spec?.ports ?? []
  const matching = ports.filter(
    (each) =>
      (port === undefined || each.name === port || String(each.port) === port) &&
      (protocol === undefined || protocolIn(each.protocol) === protocol),
  )
  const [found, other] = matching
  const isOneNumber = matching.every((each) => each.port === found?.port)
  if (found !== undefined && (other === undefined || (port !== undefined && isOneNumber))) {
    // The same number for several protocols: TCP, as people mean it.
    const preferred = matching.find((each) => protocolIn(each.protocol) === 'tcp') ?? found
    return { port: preferred.port, protocol: protocolIn(preferred.protocol) }
  }
  if (port !== undefined && /^\d+$/.test(port)) return { port: numberOf(port), protocol: protocol ?? 'tcp' }
  const names = ports.map(
    (each) => `${each.name === undefined ? '' : `${each.name} `}${each.port}/${protocolIn(each.protocol)}`,
  )
  if (port !== undefined) throw new TargetError(`Service ${metadata.name} does not have a service port ${port}`)
  throw new TargetError(`Service ${metadata.name} has several ports, say which one: ${names.join(', ')}`)
}

/** DNS gives the endpoints of a headless Service: the first ready one. */
function headlessDestination(key: string, question: Question, { slices }: ClusterObjects): Destination {
  for (const slice of slices) {
    const { namespace = '', labels } = slice.metadata
    if (`${namespace}/${labels?.['kubernetes.io/service-name'] ?? ''}` !== key) continue
    const ready = slice.endpoints?.find(({ conditions }) => conditions?.ready !== false)
    const ip = ready?.addresses[0]
    if (ip === undefined) continue
    const { port } = question
    const found = slice.ports?.find((each) => port === undefined || each.name === port || String(each.port) === port)
    const number = found?.port ?? numberOf(port)
    return {
      ...{ label: `service ${key} (headless: DNS gives ${ip})`, ip, port: number, service: undefined },
      protocol: question.protocol ?? protocolIn(found?.protocol),
    }
  }
  throw new TargetError(`service ${key} is headless and has no ready endpoints: its name has no address`)
}

function podPort(
  { metadata, spec }: Pod,
  port: string | undefined,
  protocol: Protocol | undefined,
): { readonly port: number; readonly protocol: Protocol } {
  const ports = (spec?.containers ?? []).flatMap((container) => container.ports ?? [])
  const found = ports.filter(
    (each) =>
      (port === undefined || each.name === port || String(each.containerPort) === port) &&
      (protocol === undefined || protocolIn(each.protocol) === protocol),
  )
  const [only] = found
  if (only !== undefined && (found.length === 1 || port !== undefined)) {
    return { port: only.containerPort, protocol: protocol ?? protocolIn(only.protocol) }
  }
  if (port !== undefined && !/^\d+$/.test(port))
    throw new TargetError(`Pod '${metadata.name}' does not have a named port '${port}'`)
  if (port === undefined && found.length !== 1) throw new TargetError(`say which port of pod ${metadata.name}: TO:PORT`)
  return { port: numberOf(port), protocol: protocol ?? 'tcp' }
}

function protocolIn(text: string | undefined): Protocol {
  return text === 'UDP' ? 'udp' : text === 'SCTP' ? 'sctp' : 'tcp'
}

function numberOf(text: string | undefined): number {
  if (text === undefined) throw new TargetError('say which port: TO:PORT')
  const port = /^\d+$/.test(text) ? Number(text) : 0
  if (port < 1 || port > 65_535) throw new TargetError(`invalid port "${text}": must be between 1 and 65535, inclusive`)
  return port
}

function notFound(plural: string, name: string): TargetError {
  return new TargetError(`Error from server (NotFound): ${plural} "${name}" not found`)
}

function nodeNamed({ nodes }: ClusterObjects, name: string): string {
  if (!nodes.some(({ metadata }) => metadata.name === name)) throw notFound('nodes', name)
  return name
}

function podNamed({ pods }: ClusterObjects, { namespace, name }: { namespace: string; name: string }): Pod {
  const pod = pods.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  if (pod === undefined) throw notFound('pods', name)
  return pod
}

function serviceNamed({ services }: ClusterObjects, { namespace, name }: { namespace: string; name: string }): Service {
  const service = services.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name)
  if (service === undefined) throw notFound('services', name)
  return service
}
