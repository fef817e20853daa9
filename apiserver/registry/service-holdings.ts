/** Addresses and node ports that Services hold. Pure. */
import { needsClusterIp } from '../../api/core/service-allocated.ts'
import type { Service } from '../../api/core/v1.ts'
import { formatAddress, parseAddress } from '../../component-base/ip-address.ts'

export type Holdings = { readonly addresses: readonly string[]; readonly ports: readonly number[] }

export const nothing: Holdings = { addresses: [], ports: [] }

export function isNothing({ addresses, ports }: Holdings): boolean {
  return addresses.length === 0 && ports.length === 0
}

/** Looked at on every write of a Service, for all Services; objects of the cache never change. */
const known = new WeakMap<Service, Holdings>()

/** What a Service holds; addresses are in their canonical spelling. */
export function holdingsOf(service: Service): Holdings {
  const found = known.get(service) ?? readHoldings(service)
  known.set(service, found)
  return found
}

function readHoldings({ spec }: Service): Holdings {
  const ports = [...(spec.ports ?? []).map(({ nodePort }) => nodePort ?? 0), spec.healthCheckNodePort ?? 0]
  return {
    addresses: (needsClusterIp(spec) ? (spec.clusterIPs ?? []) : [])
      .filter((address) => address !== 'None' && address !== '')
      .map(canonical),
    ports: [...new Set(ports.filter((port) => port !== 0))],
  }
}

/** IPAddresses are named by the one spelling of an address; a Service may have another of IPv6. */
function canonical(text: string): string {
  const address = text.includes(':') ? parseAddress(text) : undefined
  return address === undefined ? text : formatAddress(address)
}

/** What is in the first and not in the second. */
export function without(some: Holdings, others: Holdings): Holdings {
  return {
    addresses: some.addresses.filter((address) => !others.addresses.includes(address)),
    ports: some.ports.filter((port) => !others.ports.includes(port)),
  }
}
