/**
 * IPAddress objects: one for each cluster IP, named after it, pointing at its Service. They follow the Services, which stay
 * the truth: a lost write, a killed server or a deleted IPAddress is put right by the next pass.
 */
import type { Service } from '../../api/core/v1.ts'
import type { IPAddress } from '../../api/networking/v1.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import { loopbackUser } from '../authn/user.ts'
import type { ObjectReader } from './reader.ts'
import type { Finding, ReportFinding } from './repair-events.ts'
import type { Store } from './store.ts'
import { kinds, read, readAll } from './typed-reader.ts'

const managerLabel = 'ipaddress.kubernetes.io/managed-by'
const manager = 'ipallocator.k8s.io'
const familyLabel = 'ipaddress.kubernetes.io/ip-family'

/** An address is claimed before its Service is stored. Source: upstream's `gracePeriod` of the repair loop. */
const graceMs = 60_000

/** What brings the IPAddresses in line with the Services. */
export type AddressPlan = {
  readonly create: readonly { readonly address: string; readonly namespace: string; readonly service: string }[]
  readonly remove: readonly string[]
}

/** Compares the two; leaves IPAddresses alone that others manage. */
export function planIpAddresses(
  services: readonly Service[],
  addresses: readonly IPAddress[],
  nowMs: number,
): AddressPlan {
  const wanted = new Map(
    services.flatMap(({ metadata, spec }) =>
      (spec.clusterIPs ?? [])
        .filter((address) => address !== 'None')
        .map((address) => [address, { address, namespace: metadata.namespace ?? '', service: metadata.name }] as const),
    ),
  )
  const isRight = ({ metadata, spec }: IPAddress): boolean => {
    const owner = wanted.get(metadata.name)
    const { namespace, name } = spec.parentRef ?? {}
    return owner !== undefined && owner.namespace === namespace && owner.service === name
  }
  const mayBeComing = ({ metadata }: IPAddress): boolean =>
    !wanted.has(metadata.name) && nowMs - Date.parse(metadata.creationTimestamp ?? '') < graceMs
  const own = addresses.filter(({ metadata }) => metadata.labels?.[managerLabel] === manager)
  const present = new Set(addresses.filter(isRight).map(({ metadata }) => metadata.name))
  return {
    create: [...wanted.values()].filter(({ address }) => !present.has(address)),
    remove: own.filter((one) => !isRight(one) && !mayBeComing(one)).map(({ metadata }) => metadata.name),
  }
}

/** The object for one address. */
export function ipAddressDraft({ address, namespace, service }: AddressPlan['create'][number]): JsonObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IPAddress',
    metadata: { name: address, labels: { [familyLabel]: 'IPv4', [managerLabel]: manager } },
    spec: { parentRef: { resource: 'services', namespace, name: service } },
  }
}

export type IpAddressOptions = {
  readonly store: Store
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  /** Tells of what is not as it was claimed. */
  readonly report: ReportFinding
}

/** How soon a change of a Service shows in its IPAddress. */
const lookEveryMs = 200

/** Keeps the IPAddresses in line until `signal` aborts. */
export async function runIpAddresses(options: IpAddressOptions, signal: AbortSignal): Promise<void> {
  const { reader, clock, onError } = options
  let seen = ''
  let lookedMs = Number.NEGATIVE_INFINITY
  for (;;) {
    await clock.sleep(lookEveryMs, signal)
    // What was claimed for nothing is found by time alone.
    const isDue = clock.now() - lookedMs > graceMs / 2
    const now = [kinds.services, kinds.ipAddresses].map(({ facts }) => reader.revision(facts)).join('/')
    if (now === seen && !isDue) continue
    try {
      await bringInLine(options, signal)
      seen = now
      lookedMs = clock.now()
    } catch (error) {
      signal.throwIfAborted()
      onError(error)
    }
  }
}

async function bringInLine({ store, reader, clock, report }: IpAddressOptions, signal: AbortSignal): Promise<void> {
  const resource = store.resource('networking.k8s.io', 'ipaddresses')
  if (resource === undefined) return
  const plan = planIpAddresses(readAll(reader, kinds.services), readAll(reader, kinds.ipAddresses), clock.now())
  const options = { user: loopbackUser }
  // Removals first: an address may have gone to another Service.
  for (const name of plan.remove) {
    await store.delete(resource, { namespace: '', name }, options, signal).catch(ignore('NotFound'))
  }
  for (const wanted of plan.create) {
    const service = read(reader, kinds.services, wanted.namespace, wanted.service)
    if (service !== undefined) await report(notAllocated(service, wanted.address), signal)
    await store.create(resource, '', ipAddressDraft(wanted), options, signal).catch(ignore('AlreadyExists'))
  }
}

function notAllocated({ metadata }: Service, address: string): Finding {
  return {
    regarding: { kind: 'Service', apiVersion: 'v1', metadata },
    reason: 'ClusterIPNotAllocated',
    action: 'ClusterIPAllocation',
    note: `Cluster IP [IPv4]: ${address} is not allocated; repairing`,
  }
}

function ignore(reason: 'NotFound' | 'AlreadyExists'): (error: unknown) => void {
  return (error) => {
    if (!hasReason(error, reason)) throw error
  }
}
