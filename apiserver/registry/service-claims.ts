/**
 * Addresses and node ports of Services, made ours in the store before the Service is: several API servers give them out at the
 * same time, and each knows only its own cache. An address is claimed by creating its IPAddress, whose name is the address; a
 * port by setting its bit in the one value that all servers share. Source: KEP-1880, upstream's `portallocator`.
 */
import type { Service } from '../../api/core/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { loopbackUser } from '../authn/user.ts'
import { ipAddressDraft } from './ip-address-plan.ts'
import type { PortRange } from './port-range.ts'
import type { ObjectReader } from './reader.ts'
import { type Holdings, holdingsOf, nothing } from './service-holdings.ts'
import type { Store } from './store.ts'
import { kinds, read, readAll } from './typed-reader.ts'

export type ServiceName = { readonly namespace: string; readonly name: string }

export type ServiceClaims = {
  /** Makes all of them the Service's, or none; what others hold is returned. */
  readonly claim: (owner: ServiceName, wanted: Holdings, signal: AbortSignal) => Promise<Holdings>
  /** Gives back what no stored Service holds. */
  readonly release: (owner: ServiceName, unused: Holdings, signal: AbortSignal) => Promise<void>
  /** Waits until what Services hold is known as of now. */
  readonly fresh: () => Promise<unknown>
}

export type ServiceClaimsOptions = {
  readonly store: Store
  readonly reader: ObjectReader
  readonly ports: PortRange
  /** Waits until the caches are current. */
  readonly fresh: () => Promise<unknown>
}

/** Claims in the store. */
export function createServiceClaims({ store, reader, ports, fresh }: ServiceClaimsOptions): ServiceClaims {
  const options = { user: loopbackUser }
  const resource = () => store.resource('networking.k8s.io', 'ipaddresses')

  async function claimAddress(owner: ServiceName, address: string, signal: AbortSignal): Promise<boolean> {
    const found = resource()
    if (found === undefined) return true
    const draft = ipAddressDraft({ address, namespace: owner.namespace, service: owner.name })
    try {
      await store.create(found, '', draft, options, signal)
      return true
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error
      return isOwnOfCluster(owner) && (await belongsTo(owner, address))
    }
  }

  /** The Service `kubernetes` has one address that every API server claims for it. */
  function isOwnOfCluster({ namespace, name }: ServiceName): boolean {
    return namespace === 'default' && name === 'kubernetes'
  }

  async function belongsTo(owner: ServiceName, address: string): Promise<boolean> {
    await fresh()
    const { namespace, name } = read(reader, kinds.ipAddresses, '', address)?.spec.parentRef ?? {}
    return namespace === owner.namespace && name === owner.name
  }

  async function releaseAddress(owner: ServiceName, address: string, signal: AbortSignal): Promise<void> {
    const found = resource()
    if (found === undefined || !(await belongsTo(owner, address))) return
    const uid = read(reader, kinds.ipAddresses, '', address)?.metadata.uid
    if (uid === undefined) return
    const preconditions = { preconditions: { uid } }
    await store.delete(found, { namespace: '', name: address }, { ...options, ...preconditions }, signal)
  }

  return {
    fresh,
    claim: async (owner, wanted, signal) => {
      const got: string[] = []
      const taken: string[] = []
      for (const address of wanted.addresses) {
        const list = (await claimAddress(owner, address, signal)) ? got : taken
        list.push(address)
      }
      const takenPorts = taken.length > 0 || wanted.ports.length === 0 ? [] : await ports.claim(wanted.ports, signal)
      if (taken.length === 0 && takenPorts.length === 0) return nothing
      for (const address of got) await releaseAddress(owner, address, signal)
      return { addresses: taken, ports: takenPorts }
    },
    release: async (owner, unused, signal) => {
      await fresh()
      const held = holdingsOfAll(readAll(reader, kinds.services))
      const free = unused.ports.filter((port) => !held.ports.has(port))
      if (free.length > 0) await ports.release(free, signal)
      for (const address of unused.addresses) {
        if (held.addresses.has(address)) continue
        await releaseAddress(owner, address, signal).catch((error: unknown) => {
          if (!hasReason(error, 'NotFound') && !hasReason(error, 'Conflict')) throw error
        })
      }
    },
  }
}

function holdingsOfAll(services: readonly Service[]): {
  readonly addresses: ReadonlySet<string>
  readonly ports: ReadonlySet<number>
} {
  const all = services.map(holdingsOf)
  return {
    addresses: new Set(all.flatMap(({ addresses }) => addresses)),
    ports: new Set(all.flatMap(({ ports }) => ports)),
  }
}
