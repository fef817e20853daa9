/** What NetworkPolicy has to know of a pod. */
import type { Container, Pod, PodSpec, PodStatus } from '../../api/core/v1.ts'
import { formatAddress, parseAddress } from '../../component-base/ip-address.ts'
import type { Family } from '../../netfilter/iptables.ts'

export type Protocol = 'TCP' | 'UDP' | 'SCTP'
export type NamedPort = { readonly name: string; readonly protocol: Protocol; readonly port: number }

export type PolicyPod = {
  /** `namespace/name`. */
  readonly key: string
  readonly uid: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly ips: readonly string[]
  readonly ports: readonly NamedPort[]
  readonly isLocal: boolean
  /** Later wins where two pods have one address. */
  readonly createdAt: string
}

/**
 * The pod as policies see it; `undefined` when no policy concerns it: pods on the host's network are the node (upstream
 * leaves them undefined: here no selector chooses them, neither as target nor as peer; an `ipBlock` may), and a pod
 * that has ended has given its addresses away.
 */
export function policyPodOf(pod: Pod, nodeName: string, claimed?: readonly string[]): PolicyPod | undefined {
  const { metadata, spec, status } = pod
  if (spec?.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined
  const reported = (status?.podIPs ?? []).map(({ ip }) => ip ?? '')
  const ips = [...new Set(claimed ?? (reported.length > 0 ? reported : [status?.podIP ?? '']))]
  return {
    key: `${metadata.namespace ?? ''}/${metadata.name}`,
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    labels: metadata.labels ?? {},
    ips: ips.flatMap(canonicalIp),
    ports: portsOf(pod),
    isLocal: spec?.nodeName === nodeName,
    createdAt: metadata.creationTimestamp ?? '',
  }
}

/** What `policyPodOf` reads of a pod: a small part, where those of a whole cluster are kept. */
export function trimPod({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { name, namespace, uid, resourceVersion, creationTimestamp, labels } = metadata
  return {
    ...{ apiVersion, kind },
    metadata: {
      ...{ name, uid, resourceVersion, creationTimestamp },
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
    },
    spec: trimSpec(spec),
    status: trimStatus(status),
  }
}

function trimSpec({ nodeName, hostNetwork, containers, initContainers }: PodSpec): PodSpec {
  return {
    ...(nodeName !== undefined && { nodeName }),
    ...(hostNetwork !== undefined && { hostNetwork }),
    containers: containers.map(trimContainer),
    ...(initContainers !== undefined && { initContainers: initContainers.map(trimContainer) }),
  }
}

function trimContainer({ name, ports, restartPolicy }: Container): Container {
  return {
    ...{ name, resources: {} },
    ...(ports !== undefined && { ports }),
    ...(restartPolicy !== undefined && { restartPolicy }),
  }
}

function trimStatus({ phase, podIP, podIPs }: PodStatus): PodStatus {
  return {
    ...(phase !== undefined && { phase }),
    ...(podIP !== undefined && { podIP }),
    ...(podIPs !== undefined && { podIPs }),
  }
}

/** The one spelling that rules use. */
function canonicalIp(ip: string): readonly string[] {
  const address = parseAddress(ip)
  return address === undefined ? [] : [formatAddress(address)]
}

/** Named ports of containers and of sidecars, as upstream's `podutil.FindPort` looks for them. */
function portsOf({ spec }: Pod): readonly NamedPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ name, protocol, containerPort }) =>
      name === undefined || name === '' ? [] : [{ name, protocol: protocolOf(protocol), port: containerPort }],
    ),
  )
}

/** TCP unless said otherwise. */
export function protocolOf(text: string | undefined): Protocol {
  return text === 'UDP' || text === 'SCTP' ? text : 'TCP'
}

/** The family of an address that is one. */
export function familyOf(ip: string): Family {
  return ip.includes(':') ? 'ip6' : 'ip'
}
