/** Values of `fieldRef` and `resourceFieldRef`, for the environment and for downward API volumes. Pure. */
import type { Container, Pod } from '../../api/core/v1.ts'
import { parseQuantity } from '../../apimachinery/quantity.ts'

export type Addresses = { readonly podIps: readonly string[]; readonly hostIps: readonly string[] }

/** The value of a path such as `metadata.labels['app']` or `status.podIP`. */
export function fieldValue(pod: Pod, path: string, { podIps, hostIps }: Addresses): string {
  const subscript = /^metadata\.(labels|annotations)\['([^']*)'\]$/.exec(path)
  if (subscript !== null) {
    const values = subscript[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations
    return values?.[subscript[2] ?? ''] ?? ''
  }
  switch (path) {
    case 'metadata.name':
      return pod.metadata.name
    case 'metadata.namespace':
      return pod.metadata.namespace ?? ''
    case 'metadata.uid':
      return pod.metadata.uid
    case 'metadata.labels':
      return formatMap(pod.metadata.labels ?? {})
    case 'metadata.annotations':
      return formatMap(pod.metadata.annotations ?? {})
    case 'spec.nodeName':
      return pod.spec.nodeName ?? ''
    case 'spec.serviceAccountName':
      return pod.spec.serviceAccountName ?? ''
    case 'status.hostIP':
      return hostIps[0] ?? ''
    case 'status.hostIPs':
      return hostIps.join(',')
    case 'status.podIP':
      return podIps[0] ?? ''
    case 'status.podIPs':
      return podIps.join(',')
    default:
      return ''
  }
}

/** `key="escaped value"` a line, sorted. Source: upstream `fieldpath.FormatMap`. */
function formatMap(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n')
}

export type ResourceFieldRef = { readonly containerName?: string; readonly resource: string; readonly divisor?: string }

/** A request or limit in units of the divisor, rounded up; a missing limit is what the node can give. */
export function resourceFieldValue(
  pod: Pod,
  own: Container | undefined,
  ref: ResourceFieldRef,
  allocatable: Readonly<Record<string, string>>,
): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const container = ref.containerName ? all.find(({ name }) => name === ref.containerName) : own
  const [kind = '', ...rest] = ref.resource.split('.')
  const name = rest.join('.')
  const { limits, requests } = container?.resources ?? {}
  const fallback = name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' ? allocatable[name] : undefined
  const text = kind === 'limits' ? (limits?.[name] ?? fallback) : (requests?.[name] ?? limits?.[name])
  const value = parseQuantity(text ?? '0')?.nano ?? 0n
  const divisor = parseQuantity(ref.divisor === undefined || ref.divisor === '0' ? '1' : ref.divisor)?.nano ?? 1n
  return String((value + divisor - 1n) / (divisor === 0n ? 1n : divisor))
}
