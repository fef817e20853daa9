/** IPVS, ipset and kube-ipvs0 in memory, as strict as the kernel, for tests without one. */

import { type Ipset, type IpsetType, parseIpsets } from '../../netfilter/ipset.ts'
import type { IpsetCommand } from '../../netfilter/ipset-command.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { parseVirtualServers, type VirtualServer } from '../../netfilter/ipvs.ts'
import type { IpvsCommand } from '../../netfilter/ipvs-command.ts'
import type { IpvsTools } from './applier.ts'
import type { ServiceDevice } from './device.ts'

/** The state, and the tools that change it. */
export class FakeKernel {
  servers = new Map<string, VirtualServer>()
  sets = new Map<string, Ipset>()
  /** `undefined`: no device. */
  addresses: Set<string> | undefined
  /** Connections by key of the virtual server and address of the real one; none when not named. */
  readonly connections = new Map<string, Map<string, number>>()
  /** Every script that was run, by tool. */
  readonly scripts: string[] = []
  /** What the tools that go on after a refused line have said. */
  readonly complaints: string[] = []
  /** Virtual servers whose protocol the kernel has not. */
  refusedOption = ''
  /** Throws after so many lines. */
  failAfterLines = Number.POSITIVE_INFINITY

  readonly ipset: IpsetCommand = {
    restore: async (script) => {
      const [complaint] = this.#run('ipset', script, (line) => this.#changeSet(line))
      if (complaint !== undefined) throw new Error(complaint)
    },
    save: async () => parseIpsets([...this.sets.values()].flatMap(savedSet).join('\n')),
    version: async () => 'ipset v7.17, protocol version: 7',
  }
  readonly ipvs: IpvsCommand = {
    restore: async (script) => this.#run('ipvsadm', script, (line) => this.#changeServer(line)),
    save: async () => new Map(this.servers),
    connections: async (key) =>
      new Map(
        [...this.servers]
          .filter(([each]) => key === undefined || each === key)
          .map(([each, { realServers }]) => [
            each,
            new Map([...realServers.keys()].map((address) => [address, this.connections.get(each)?.get(address) ?? 0])),
          ]),
      ),
    setTimeouts: async () => {},
  }
  readonly device: ServiceDevice = {
    ensure: async () => {
      this.addresses ??= new Set()
    },
    addresses: async (family: Family) =>
      this.addresses && new Set([...this.addresses].filter((ip) => ip.includes(':') === (family === 'ip6'))),
    change: async (script) => this.#run('ip', script, (line) => this.#changeAddress(line)),
    remove: async () => {
      this.addresses = undefined
    },
  }

  get tools(): IpvsTools {
    return { ipset: this.ipset, ipvs: this.ipvs, device: this.device }
  }

  #run(tool: string, script: string, change: (line: string) => void): readonly string[] {
    if (script === '') return []
    this.scripts.push(`${tool}\n${script}`)
    const complaints = script
      .trimEnd()
      .split('\n')
      .flatMap((line) => {
        if (--this.failAfterLines < 0) throw new Error(`${tool}: out of luck`)
        try {
          change(line)
          return []
        } catch (error) {
          return [String(error)]
        }
      })
    this.complaints.push(...complaints)
    return complaints
  }

  #changeServer(line: string): void {
    const [verb, option, address, ...rest] = line.split(' ')
    const key = `${option} ${address}`
    const known = this.servers.get(key)
    if (option === this.refusedOption) throw new Error('Protocol not supported')
    if ((verb === '-A') === (known !== undefined)) throw new Error(`ipvsadm: ${line}`)
    if (verb === '-D') return void this.servers.delete(key)
    if (verb === '-A' || verb === '-E') {
      const [made] = parseVirtualServers(line.replace('-E', '-A')).values()
      if (made !== undefined) this.servers.set(key, { ...made, realServers: known?.realServers ?? new Map() })
      return
    }
    if (known === undefined) throw new Error(`ipvsadm: ${line}: Service not defined`)
    const real = rest[1] ?? ''
    if ((verb === '-a') === known.realServers.has(real)) throw new Error(`ipvsadm: ${line}`)
    const realServers = new Map(known.realServers)
    if (verb === '-d') realServers.delete(real)
    else realServers.set(real, Number(rest.at(-1)))
    this.servers.set(key, { ...known, realServers })
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

  #changeAddress(line: string): void {
    const [, verb, address = ''] = line.split(' ')
    const ip = address.split('/')[0] ?? ''
    if (verb === 'replace') this.addresses?.add(ip)
    else if (this.addresses?.delete(ip) !== true) throw new Error(`ip: ${line}`)
  }
}

function savedSet({ name, type, family, entries }: Ipset): readonly string[] {
  return [
    `create ${name} ${type} family ${family === 'ip' ? 'inet' : 'inet6'} hashsize 1024`,
    ...[...entries].map((entry) => `add ${name} ${entry}`),
  ]
}
