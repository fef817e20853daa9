/** Names of addresses: `10.0.96.10.in-addr.arpa.` and `….ip6.arpa.`. Pure. */
import type { ClusterView } from '../cluster/view.ts'
import { formatIpv6, type ResourceRecord, record } from '../codec/record.ts'
import type { ZoneConfig } from './zone.ts'

/** The address that a reverse name stands for; `undefined` when it is none. */
export function reverseAddress(name: string): string | undefined {
  if (name.endsWith('.in-addr.arpa.')) {
    const parts = name.slice(0, -'.in-addr.arpa.'.length).split('.')
    const isAddress = parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
    return isAddress ? parts.reverse().join('.') : undefined
  }
  if (!name.endsWith('.ip6.arpa.')) return undefined
  const nibbles = name.slice(0, -'.ip6.arpa.'.length).split('.')
  if (nibbles.length !== 32 || !nibbles.every((nibble) => /^[0-9a-f]$/.test(nibble))) return undefined
  return formatIpv6(Buffer.from(nibbles.reverse().join(''), 'hex'))
}

/** The names of a cluster address: its Service, or every endpoint that it is; empty when the cluster does not know it. */
export function reverseRecords(
  zone: ZoneConfig,
  cluster: ClusterView,
  name: string,
  address: string,
): readonly ResourceRecord[] {
  const pointer = (target: string): ResourceRecord => record(name, zone.ttlSeconds, { type: 'PTR', target })
  const service = cluster.serviceOf(address)
  if (service !== undefined) return [pointer(`${service.name}.${service.namespace}.svc.${zone.domain}`)]
  const targets = cluster.endpointsOf(address).map((item) => {
    return `${item.hostname}.${item.name}.${item.namespace}.svc.${zone.domain}`
  })
  return [...new Set(targets)].map(pointer)
}
