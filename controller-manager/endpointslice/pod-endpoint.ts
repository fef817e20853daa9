/** One pod as an endpoint of one Service, and the ports by which it is reached. Pure. */
import { isIP } from 'node:net'
import type { Container, Node, Pod, Service, ServicePort } from '../../api/core/v1.ts'
import type { Endpoint, EndpointPort } from '../../api/discovery/v1.ts'
import { isReady, isTerminal } from '../pod/activity.ts'

export type AddressType = 'IPv4' | 'IPv6'
const zoneLabel = 'topology.kubernetes.io/zone'

/** Pods that have ended or have no address yet are no endpoints. */
export function belongsInEndpoints(pod: Pod, includeTerminating: boolean): boolean {
  if (isTerminal(pod) || podIps(pod).length === 0) return false
  return includeTerminating || pod.metadata.deletionTimestamp === undefined
}

/** The pod's addresses of one family. */
export function addressesOf(pod: Pod, type: AddressType): readonly string[] {
  return podIps(pod).filter((ip) => isIP(ip) === (type === 'IPv4' ? 4 : 6))
}

function podIps({ status }: Pod): readonly string[] {
  if (status.podIPs !== undefined && status.podIPs.length > 0) return status.podIPs.map(({ ip }) => ip)
  return status.podIP === undefined || status.podIP === '' ? [] : [status.podIP]
}

/** The endpoint that stands for a pod. */
export function endpointOf(service: Service, pod: Pod, node: Node | undefined, type: AddressType): Endpoint {
  const serving = isReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const nodeName = pod.spec.nodeName ?? ''
  const zone = node?.metadata.labels?.[zoneLabel] ?? ''
  return {
    addresses: addressesOf(pod, type),
    conditions: { ready, serving, terminating },
    ...(hasStableName(service, pod) ? { hostname: pod.spec.hostname ?? '' } : {}),
    targetRef: { kind: 'Pod', namespace: pod.metadata.namespace ?? '', name: pod.metadata.name, uid: pod.metadata.uid },
    ...(nodeName === '' ? {} : { nodeName }),
    ...(zone === '' ? {} : { zone }),
  }
}

/** Pods of a headless Service that name it as their subdomain get a DNS name of their own. */
export function hasStableName(service: Service, { metadata, spec }: Pod): boolean {
  return (
    (spec.hostname ?? '') !== '' &&
    spec.subdomain === service.metadata.name &&
    metadata.namespace === service.metadata.namespace
  )
}

/** The Service's ports on this pod; a named port that no container has is left out. */
export function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = targetPort(pod, servicePort)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    return [{ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

function targetPort(pod: Pod, { targetPort, port, protocol }: ServicePort): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port
  if (typeof targetPort === 'number') return targetPort
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return namedPort([...pod.spec.containers, ...sidecars], targetPort, protocol ?? 'TCP')
}

function namedPort(containers: readonly Container[], name: string, protocol: string): number | undefined {
  for (const { ports } of containers) {
    const found = ports?.find((port) => port.name === name && (port.protocol ?? 'TCP') === protocol)
    if (found !== undefined) return found.containerPort
  }
  return undefined
}

/** The last change that endpoints of this Service can come from: of the Service itself or of a pod's readiness. */
export function lastTriggerTime({ metadata }: Service, pods: readonly Pod[]): string {
  const changes = pods.flatMap(
    ({ status }) => status.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? [],
  )
  return [metadata.creationTimestamp, ...changes].toSorted().at(-1) ?? metadata.creationTimestamp
}
