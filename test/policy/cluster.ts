/** The cluster of the policy matrix: nine pods in three namespaces on two nodes, dual stack. Pure data. */
import type { Namespace, Pod } from '../../api/core/v1.ts'
import type { NetworkPolicy } from '../../api/networking/v1.ts'
import { type IpFamily, ipOf, makeLayout } from '../packets/layout.ts'
import type { OraclePod, Policy } from './oracle.ts'

/** Pods by node; `x-a` is pod a of namespace x. */
export const layout = makeLayout({
  'node-1': ['x-a', 'x-b', 'y-a', 'y-c', 'z-b'],
  'node-2': ['x-c', 'y-b', 'z-a', 'z-c'],
})
export const podNames = layout.nodes.flatMap(({ pods }) => pods.map(({ name }) => name)).toSorted()
export const ports = [80, 81, 82] as const
export const protocols = ['TCP', 'UDP', 'SCTP'] as const

export const namespaces: Readonly<Record<string, Readonly<Record<string, string>>>> = Object.fromEntries(
  ['x', 'y', 'z'].map((name) => [name, { ns: name, 'kubernetes.io/metadata.name': name }]),
)

/** Names of ports are of one pod each: the last pod gives a name to another number than the others. */
function portsOf(name: string): OraclePod['ports'] {
  return protocols.flatMap((protocol) =>
    [80, 81].map((port) => ({
      name: `serve-${port}-${protocol.toLowerCase()}`,
      protocol,
      port: name === 'z-c' && port === 81 ? 82 : port,
    })),
  )
}

/** The pod of that name, such as `x-a`. */
export function oraclePod(name: string, labels: Readonly<Record<string, string>> = {}): OraclePod {
  const [namespace = '', letter = ''] = name.split('-')
  const node = layout.nodes.find(({ pods }) => pods.some((pod) => pod.name === name))?.name ?? ''
  return {
    namespace,
    name: letter,
    labels: { pod: letter, ...labels },
    ips: (['IPv4', 'IPv6'] as const).map((family: IpFamily) => ipOf(layout, name, family)),
    node,
    ports: portsOf(name),
  }
}

export const pods: readonly OraclePod[] = podNames.map((name) => oraclePod(name))

/** The object as the API gives it. */
export function podObject({ namespace, name, labels, ips, node, ports: named }: OraclePod): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name, uid: `${namespace}-${name}`, labels, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: {
      nodeName: node,
      containers: [
        {
          name: 'main',
          ports: named.map(({ name: port, protocol, port: containerPort }) => ({
            name: port,
            protocol,
            containerPort,
          })),
        },
      ],
    },
    status: { phase: 'Running', podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) },
  } as unknown as Pod
}

export function namespaceObject(name: string, labels: Readonly<Record<string, string>>): Namespace {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } } as unknown as Namespace
}

export function policyObject({ namespace, name, spec }: Policy): NetworkPolicy {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace, name },
    spec,
  } as unknown as NetworkPolicy
}
