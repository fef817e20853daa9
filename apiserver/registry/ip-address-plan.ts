/**
 * IPAddress objects against Services: one for each cluster IP, named after it, pointing at its Service. Services are the truth.
 * Pure. Source: upstream's `repairip.go`.
 */
import type { Service } from '../../api/core/v1.ts'
import type { IPAddress, ServiceCIDR } from '../../api/networking/v1.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { contains, lastAddress, parseAddress, parseSubnet } from '../../component-base/ip-address.ts'
import type { Finding } from './repair-events.ts'
import { familyOf } from './service-cidrs.ts'
import { holdingsOf } from './service-holdings.ts'

const managerLabel = 'ipaddress.kubernetes.io/managed-by'
const manager = 'ipallocator.k8s.io'
const familyLabel = 'ipaddress.kubernetes.io/ip-family'

/** An address is claimed before its Service is stored. Source: upstream's `gracePeriod` of the repair loop. */
export const graceMs = 60_000

/** Everything the decision depends on. */
export type AddressState = {
  readonly services: readonly Service[]
  readonly addresses: readonly IPAddress[]
  readonly serviceCidrs: readonly ServiceCIDR[]
  readonly nowMs: number
}

/** One address and its Service. */
export type Owned = { readonly address: string; readonly namespace: string; readonly service: string }

/** What brings the IPAddresses in line: removals first, because an address may have gone to another Service. */
export type AddressPlan = {
  readonly remove: readonly string[]
  readonly create: readonly Owned[]
  readonly findings: readonly Finding[]
}

/** Compares the two; leaves IPAddresses alone that others manage. */
export function planIpAddresses(state: AddressState): AddressPlan {
  const known = new Map(state.addresses.map((address) => [address.metadata.name, address]))
  const services = new Map(state.services.map((service) => [keyOf(service.metadata), service]))
  const isInRange = rangeCheck(state.serviceCidrs)
  const remove: string[] = []
  const create: Owned[] = []
  const findings: Finding[] = []
  const held = new Set<string>()
  for (const service of state.services) {
    for (const address of holdingsOf(service).addresses) {
      held.add(address)
      const verdict = isInRange(address) ? judge(service, address, known.get(address), services) : outOfRange(address)
      if (verdict.note !== undefined) findings.push(aboutService(service, verdict.note))
      if (!verdict.isRight && known.has(address)) remove.push(address)
      if (!verdict.isRight) create.push(owned(service, address))
    }
  }
  for (const address of state.addresses) {
    if (held.has(address.metadata.name)) continue
    const finding = judgeOrphan(address, services, state.nowMs)
    if (finding === undefined) continue
    remove.push(address.metadata.name)
    findings.push(finding)
  }
  return { remove, create, findings }
}

type Note = { readonly reason: string; readonly text: string }
/** What is not right is made anew. */
type Verdict = { readonly isRight: boolean; readonly note?: Note }

function keyOf({ namespace = '', name }: { readonly namespace?: string; readonly name: string }): string {
  return `${namespace}/${name}`
}

function owned({ metadata }: Service, address: string): Owned {
  return { address, namespace: metadata.namespace ?? '', service: metadata.name }
}

/** Any ServiceCIDR counts, ready or not; without one there is nothing to say yet. */
function rangeCheck(serviceCidrs: readonly ServiceCIDR[]): (address: string) => boolean {
  const ranges = serviceCidrs.flatMap(({ spec }) => (spec.cidrs ?? []).flatMap((cidr) => parseSubnet(cidr) ?? []))
  return (text) => {
    const address = parseAddress(text)
    if (address === undefined || ranges.length === 0) return true
    return ranges.some((range) => {
      const isReserved =
        address.value === range.base.value || (address.bits === 32 && address.value === lastAddress(range).value)
      return contains(range, address) && !isReserved
    })
  }
}

function outOfRange(address: string): Verdict {
  const text = `Cluster IP [${familyOf(address)}]: ${address} is not within any configured Service CIDR; please recreate service`
  return { isRight: true, note: { reason: 'ClusterIPOutOfRange', text } }
}

function judge(
  service: Service,
  address: string,
  found: IPAddress | undefined,
  services: ReadonlyMap<string, Service>,
): Verdict {
  const family = familyOf(address)
  const key = keyOf(service.metadata)
  if (found === undefined) {
    const text = `Cluster IP [${family}]: ${address} is not allocated; repairing`
    return { isRight: false, note: { reason: 'ClusterIPNotAllocated', text } }
  }
  const { group = '', resource, namespace = '', name = '' } = found.spec.parentRef ?? {}
  const other = services.get(keyOf({ namespace, name }))
  const isWrong = group !== '' || resource !== 'services' || other === undefined
  const isOthers = other !== undefined && other !== service && holdingsOf(other).addresses.includes(address)
  if (isWrong || (other !== service && !isOthers)) {
    const text = `the ClusterIP [${family}]: ${address} for Service ${key} has a wrong reference; repairing`
    return { isRight: false, note: { reason: 'ClusterIPNotAllocated', text } }
  }
  const labels = found.metadata.labels ?? {}
  const isRight = labels[managerLabel] === manager && labels[familyLabel] === family
  const text = `Cluster IP [${family}]:${address} was assigned to multiple services; please recreate service`
  return { isRight, ...(isOthers ? { note: { reason: 'ClusterIPAlreadyAllocated', text } } : {}) }
}

/** An IPAddress that no Service holds; `undefined`: it may stay. */
function judgeOrphan(address: IPAddress, services: ReadonlyMap<string, Service>, nowMs: number): Finding | undefined {
  const { metadata, spec } = address
  if (metadata.labels?.[managerLabel] !== manager) return undefined
  const { group = '', resource, namespace = '', name = '' } = spec.parentRef ?? {}
  if (group !== '' || resource !== 'services') {
    const shown = `&ParentReference{Group:${group},Resource:${resource ?? ''},Namespace:${namespace},Name:${name},}`
    const note = `IPAddress ${metadata.name} appears to have been modified, not referencing a Service ${shown}: cleaning up`
    return aboutAddress(address, 'IPAddressNotAllocated', note)
  }
  if (nowMs - Date.parse(metadata.creationTimestamp ?? '') < graceMs) return undefined
  const key = keyOf({ namespace, name })
  const what = `IPAddress: ${metadata.name} for Service ${key}`
  return services.has(key)
    ? aboutAddress(address, 'IPAddressWrongReference', `${what} has a wrong reference; cleaning up`)
    : aboutAddress(address, 'IPAddressNotAllocated', `${what} appears to have leaked: cleaning up`)
}

function aboutService({ metadata }: Service, { reason, text }: Note): Finding {
  const regarding = { kind: 'Service', apiVersion: 'v1', metadata }
  return { regarding, reason, action: 'ClusterIPAllocation', note: text }
}

function aboutAddress({ metadata }: IPAddress, reason: string, note: string): Finding {
  const regarding = { kind: 'IPAddress', apiVersion: 'networking.k8s.io/v1', metadata }
  return { regarding, reason, action: 'IPAddressAllocation', note }
}

/** The object for one address. */
export function ipAddressDraft({ address, namespace, service }: Owned): JsonObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: address, labels: { [familyLabel]: familyOf(address), [managerLabel]: manager } },
    spec: { parentRef: { resource: 'services', namespace, name: service } },
  }
}
