/**
 * The kernel's load balancer (IPVS): virtual servers with their real servers, as data and as the lines that `ipvsadm --restore` takes and
 * `ipvsadm --save --numeric` gives.
 *
 *   -A -t 10.96.0.1:80 -s rr -p 10800            a virtual server, persistent for three hours
 *   -a -t 10.96.0.1:80 -r 10.244.1.5:8080 -m -w 1    a real server of it, masqueraded, of weight 1
 */
import { isIPv6 } from 'node:net'
import type { Family } from './iptables.ts'

export type IpvsProtocol = 'tcp' | 'udp' | 'sctp'
/** Weights by address: `10.244.1.5:8080`, `[fd00::5]:8080`. */
export type RealServers = ReadonlyMap<string, number>
export type VirtualServer = {
  readonly protocol: IpvsProtocol
  readonly address: string
  readonly scheduler: string
  /** Such as `mh-port`; empty for none. */
  readonly schedulerFlags: string
  /** 0: not persistent. */
  readonly persistentSeconds: number
  readonly realServers: RealServers
}
/** By `keyOf`. */
export type VirtualServers = ReadonlyMap<string, VirtualServer>
/**
 * Real servers that are to go but may have connections: weight 0, no new connections. By key of the virtual server. A connection of UDP or
 * SCTP cannot be seen to end, so their real servers go at once, as upstream has it.
 */
export type Draining = ReadonlyMap<string, ReadonlySet<string>>

export type IpvsChange = {
  readonly additions: string
  readonly removals: string
  readonly draining: Draining
}

const serviceOptions = { tcp: '-t', udp: '-u', sctp: '--sctp-service' } as const
const protocols: Readonly<Record<string, IpvsProtocol>> = { '-t': 'tcp', '-u': 'udp', '--sctp-service': 'sctp' }

/** Tells virtual servers apart. */
export function keyOf({ protocol, address }: Pick<VirtualServer, 'protocol' | 'address'>): string {
  return `${serviceOptions[protocol]} ${address}`
}

/** The family of an address with port. */
export function familyOf(address: string): Family {
  return address.startsWith('[') ? 'ip6' : 'ip'
}

/** `ip:port`, with brackets around an IPv6 address. */
export function joinAddress(ip: string, port: number): string {
  return isIPv6(ip) ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** The IP address of an address with port. */
export function ipOfAddress(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

/** What leads from `applied`, of which `draining` are on their way out, to `wanted`. */
export function diffVirtualServers(applied: VirtualServers, draining: Draining, wanted: VirtualServers): IpvsChange {
  const additions: string[] = []
  const removals: string[] = []
  const left = new Map(draining)
  for (const [key, server] of wanted) {
    const before = applied.get(key)
    if (before === server) continue
    const definition = definitionOf(server)
    if (before === undefined) additions.push(`-A ${key} ${definition}`)
    else if (definitionOf(before) !== definition) additions.push(`-E ${key} ${definition}`)
    diffRealServers(key, before, server, { additions, removals, left })
  }
  for (const key of applied.keys()) {
    if (wanted.has(key)) continue
    removals.push(`-D ${key}`)
    left.delete(key)
  }
  return { additions: script(additions), removals: script(removals), draining: left }
}

type Collected = {
  readonly additions: string[]
  readonly removals: string[]
  readonly left: Map<string, ReadonlySet<string>>
}

function diffRealServers(
  key: string,
  before: VirtualServer | undefined,
  { protocol, realServers }: VirtualServer,
  { additions, removals, left }: Collected,
): void {
  const leaving = new Set(left.get(key))
  for (const [address, weight] of realServers) {
    const known = leaving.delete(address) ? 0 : before?.realServers.get(address)
    if (known === undefined) additions.push(`-a ${key} -r ${address} -m -w ${weight}`)
    else if (known !== weight) additions.push(`-e ${key} -r ${address} -m -w ${weight}`)
  }
  for (const [address, weight] of before?.realServers ?? []) {
    if (realServers.has(address)) continue
    if (protocol !== 'tcp') removals.push(`-d ${key} -r ${address}`)
    else {
      if (weight !== 0) additions.push(`-e ${key} -r ${address} -m -w 0`)
      leaving.add(address)
    }
  }
  if (leaving.size > 0) left.set(key, leaving)
  else left.delete(key)
}

function definitionOf({ scheduler, schedulerFlags, persistentSeconds }: VirtualServer): string {
  const persistence = persistentSeconds === 0 ? '' : ` -p ${persistentSeconds}`
  return `-s ${scheduler}${persistence}${schedulerFlags === '' ? '' : ` -b ${schedulerFlags}`}`
}

function script(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

/** Reads what `ipvsadm --save --numeric` printed. */
export function parseVirtualServers(text: string): VirtualServers {
  const servers = new Map<string, VirtualServer & { readonly realServers: Map<string, number> }>()
  for (const line of text.split('\n')) {
    const [verb, option = '', address = '', ...rest] = line.split(' ')
    const protocol = protocols[option]
    // Servers by firewall mark are nobody's business here.
    if (protocol === undefined) continue
    const key = `${option} ${address}`
    const value = (name: string) => rest[rest.indexOf(name) + 1] ?? ''
    if (verb === '-A') {
      servers.set(key, {
        ...{ protocol, address, scheduler: value('-s') },
        schedulerFlags: rest.includes('-b') ? value('-b') : '',
        persistentSeconds: rest.includes('-p') ? Number(value('-p')) : 0,
        realServers: new Map(),
      })
    } else if (verb === '-a') servers.get(key)?.realServers.set(value('-r'), Number(value('-w')))
  }
  return servers
}

/** Connections, active and not, by key of the virtual server and address of the real one. */
export type Connections = ReadonlyMap<string, ReadonlyMap<string, number>>

/** Reads what `ipvsadm --list --numeric` printed. */
export function parseConnections(text: string): Connections {
  const result = new Map<string, Map<string, number>>()
  let current: Map<string, number> | undefined
  for (const line of text.split('\n')) {
    const [first = '', second = '', , , active, inactive] = line.trim().split(/\s+/)
    if (first === '->') {
      if (active !== undefined) current?.set(second, Number(active) + Number(inactive))
    } else if (first === 'TCP' || first === 'UDP' || first === 'SCTP') {
      const protocol = first.toLowerCase() as IpvsProtocol
      current = new Map()
      result.set(keyOf({ protocol, address: second }), current)
    }
  }
  return result
}

/** Removes the draining real servers whose last connection has ended. */
export function planDrain(
  draining: Draining,
  connections: Connections,
): { readonly removals: string; readonly draining: Draining } {
  const removals: string[] = []
  const left = new Map<string, ReadonlySet<string>>()
  for (const [key, addresses] of draining) {
    const busy = new Set<string>()
    for (const address of addresses) {
      const count = connections.get(key)?.get(address)
      if (count === 0) removals.push(`-d ${key} -r ${address}`)
      else if (count !== undefined) busy.add(address)
    }
    if (busy.size > 0) left.set(key, busy)
  }
  return { removals: script(removals), draining: left }
}
