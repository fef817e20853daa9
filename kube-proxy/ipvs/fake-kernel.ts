/** IPVS, ipset and kube-ipvs0 in memory, as strict as the kernel, for tests without one. */

import { type Ipset, type IpsetType, parseIpsets } from '../../netfilter/ipset.ts'
import type { IpsetCommand } from '../../netfilter/ipset-command.ts'
import type { Family } from '../../netfilter/iptables.ts'
import {
  type ConnectionCount,
  describeOperation,
  describeRefusal,
  type IpvsOperation,
  type IpvsRefusal,
  type VirtualServer,
} from '../../netfilter/ipvs.ts'
import type { Ipvs } from '../../netfilter/ipvs-kernel.ts'
import type { IpvsTools } from './applier.ts'
import { type AddressChange, type AddressRefusal, describeAddressRefusal, type ServiceDevice } from './device.ts'

/** The state, and the tools that change it. */
export class FakeKernel {
  servers = new Map<string, VirtualServer>()
  sets = new Map<string, Ipset>()
  /** `undefined`: no device. */
  addresses: Set<string> | undefined
  /** Connections by key of the virtual server and address of the real one; none when not named. */
  readonly connections = new Map<string, Map<string, ConnectionCount>>()
  /** Everything that was done, in words, by what did it. */
  readonly scripts: string[] = []
  /** What was refused while others were done. */
  readonly complaints: string[] = []
  /** A protocol that the kernel has not. */
  refusedProtocol = 'none'
  readonly refusedAddresses = new Set<string>()
  /** Throws after so many steps. */
  failAfterLines = Number.POSITIVE_INFINITY

  readonly ipset: IpsetCommand = {
    restore: async (script) => {
      const lines = script.split('\n').filter(Boolean)
      this.#record('ipset', lines)
      for (const line of lines) {
        this.#step('ipset')
        this.#changeSet(line)
      }
    },
    save: async () => parseIpsets([...this.sets.values()].flatMap(savedSet).join('\n')),
    version: async () => 'ipset v7.17, protocol version: 7',
  }
  readonly ipvs: Ipvs = {
    load: async () => true,
    apply: async (operations) => {
      const refused: IpvsRefusal[] = []
      const lines = operations.map(describeOperation)
      this.#record('ipvs', lines)
      for (const operation of operations) {
        this.#step('ipvs')
        const code = this.#changeServer(operation)
        if (code !== undefined) refused.push({ operation, code })
      }
      this.complaints.push(...refused.map(describeRefusal))
      return refused
    },
    list: async (keys) => {
      const wanted = keys === 'all' ? [...this.servers.keys()] : [...keys]
      const found = wanted.flatMap((key) => {
        const server = this.servers.get(key)
        return server === undefined ? [] : [[key, server] as const]
      })
      return {
        servers: new Map(found),
        connections: new Map(
          found.map(([key, { realServers }]) => [
            key,
            new Map([...realServers.keys()].map((address) => [address, this.#connectionsOf(key, address)])),
          ]),
        ),
      }
    },
    setTimeouts: async () => {},
  }
  readonly device: ServiceDevice = {
    ensure: async () => {
      this.addresses ??= new Set()
      return true
    },
    addresses: async (family: Family) =>
      this.addresses && new Set([...this.addresses].filter((ip) => ip.includes(':') === (family === 'ip6'))),
    change: async (changes) => {
      const refused: AddressRefusal[] = []
      this.#record(
        'device',
        changes.map(({ type, ip }) => `${type} ${ip}`),
      )
      for (const change of changes) {
        this.#step('device')
        const code = this.#changeAddress(change)
        if (code !== undefined) refused.push({ change, code })
      }
      this.complaints.push(...refused.map(describeAddressRefusal))
      return refused
    },
    remove: async () => {
      this.addresses = undefined
    },
  }

  get tools(): IpvsTools {
    return { ipset: this.ipset, ipvs: this.ipvs, device: this.device }
  }

  #connectionsOf(key: string, address: string): ConnectionCount {
    return this.connections.get(key)?.get(address) ?? { active: 0, inactive: 0 }
  }

  #record(tool: string, lines: readonly string[]): void {
    if (lines.length > 0) this.scripts.push(`${tool}\n${lines.join('\n')}\n`)
  }

  #step(tool: string): void {
    if (--this.failAfterLines < 0) throw new Error(`${tool}: out of luck`)
  }

  /** The errors are the kernel's. */
  #changeServer(operation: IpvsOperation): string | undefined {
    const { key } = operation
    const known = this.servers.get(key)
    if (key.startsWith(this.refusedProtocol)) return 'EPROTONOSUPPORT'
    if ('server' in operation) {
      const isNew = operation.type === 'addServer'
      if (isNew === (known !== undefined)) return isNew ? 'EEXIST' : 'ESRCH'
      this.servers.set(key, { ...operation.server, realServers: known?.realServers ?? new Map() })
      return undefined
    }
    if (known === undefined) return 'ESRCH'
    if (operation.type === 'deleteServer') {
      this.servers.delete(key)
      return undefined
    }
    const has = known.realServers.has(operation.address)
    if ((operation.type === 'addRealServer') === has) return has ? 'EEXIST' : 'ENOENT'
    const realServers = new Map(known.realServers)
    if (operation.type === 'deleteRealServer') realServers.delete(operation.address)
    else realServers.set(operation.address, operation.weight)
    this.servers.set(key, { ...known, realServers })
    return undefined
  }

  #changeSet(line: string): void {
    const [verb, name = '', third = ''] = line.split(' ')
    const known = this.sets.get(name)
    if (verb === 'create') {
      const family = line.includes('inet6') ? 'ip6' : 'ip'
      // The boundary to a script: it makes sets of our types only.
      if (known === undefined) this.sets.set(name, { name, type: third as IpsetType, family, entries: new Set() })
      return
    }
    if (known === undefined) throw new Error(`ipset: ${line}: The set with the given name does not exist`)
    const entries = new Set(known.entries)
    if (verb === 'destroy') this.sets.delete(name)
    else if (verb === 'add') this.sets.set(name, { ...known, entries: entries.add(third) })
    else if (verb === 'del' && entries.delete(third)) this.sets.set(name, { ...known, entries })
  }

  #changeAddress({ type, ip }: AddressChange): string | undefined {
    if (this.refusedAddresses.has(ip)) return 'ENOBUFS'
    if (type === 'add') this.addresses?.add(ip)
    else if (this.addresses?.delete(ip) !== true) return 'EADDRNOTAVAIL'
    return undefined
  }
}

function savedSet({ name, type, family, entries }: Ipset): readonly string[] {
  return [
    `create ${name} ${type} family ${family === 'ip' ? 'inet' : 'inet6'} hashsize 1024`,
    ...[...entries].map((entry) => `add ${name} ${entry}`),
  ]
}
