/**
 * The kernel's load balancer (IPVS): virtual servers with their real servers, as data, and what leads from one state to another. Pure;
 * `ipvs-message.ts` has the bytes for it.
 *
 *   tcp 10.96.0.1:80 (rr persistent 10800)             a virtual server, persistent for three hours
 *   tcp 10.96.0.1:80 -> 10.244.1.5:8080 weight 1       a real server of it
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
/** What a connection is counted as: `active` is established, the others are on their way in or out. */
export type ConnectionCount = { readonly active: number; readonly inactive: number }
/** By key of the virtual server and address of the real one. */
export type Connections = ReadonlyMap<string, ReadonlyMap<string, ConnectionCount>>

/** One thing that the kernel is told to do; `key` names the virtual server. */
export type IpvsOperation =
  | { readonly type: 'addServer' | 'setServer'; readonly key: string; readonly server: VirtualServer }
  | { readonly type: 'deleteServer'; readonly key: string }
  | {
      readonly type: 'addRealServer' | 'setRealServer'
      readonly key: string
      readonly address: string
      readonly weight: number
    }
  | { readonly type: 'deleteRealServer'; readonly key: string; readonly address: string }

/** What the kernel would not do, and why: `EEXIST`. */
export type IpvsRefusal = { readonly operation: IpvsOperation; readonly code: string }

export type IpvsChange = {
  readonly additions: readonly IpvsOperation[]
  readonly removals: readonly IpvsOperation[]
  readonly draining: Draining
}

/** Tells virtual servers apart: `tcp 10.96.0.1:80`. */
export function keyOf({ protocol, address }: Pick<VirtualServer, 'protocol' | 'address'>): string {
  return `${protocol} ${address}`
}

/** The protocol and address that a key was made of. */
export function parseKey(key: string): { readonly protocol: IpvsProtocol; readonly address: string } {
  const at = key.indexOf(' ')
  // Keys come from `keyOf` alone.
  return { protocol: key.slice(0, at) as IpvsProtocol, address: key.slice(at + 1) }
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

/** The port of an address with port. */
export function portOfAddress(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}

/** An operation in words, for people: `add tcp 10.96.0.1:80 (rr)`. */
export function describeOperation(operation: IpvsOperation): string {
  switch (operation.type) {
    case 'addServer':
    case 'setServer':
      return `${operation.type === 'addServer' ? 'add' : 'set'} ${operation.key} (${definitionOf(operation.server)})`
    case 'deleteServer':
      return `delete ${operation.key}`
    case 'addRealServer':
    case 'setRealServer': {
      const verb = operation.type === 'addRealServer' ? 'add' : 'set'
      return `${verb} ${operation.key} -> ${operation.address} weight ${operation.weight}`
    }
    case 'deleteRealServer':
      return `delete ${operation.key} -> ${operation.address}`
  }
}

/** A refusal in words, for people. */
export function describeRefusal({ operation, code }: IpvsRefusal): string {
  return `${describeOperation(operation)}: ${code}`
}

/** What leads from `applied`, of which `draining` are on their way out, to `wanted`. */
export function diffVirtualServers(applied: VirtualServers, draining: Draining, wanted: VirtualServers): IpvsChange {
  const additions: IpvsOperation[] = []
  const removals: IpvsOperation[] = []
  const left = new Map(draining)
  for (const [key, server] of wanted) {
    const before = applied.get(key)
    if (before === server) continue
    if (before === undefined) additions.push({ type: 'addServer', key, server })
    else if (definitionOf(before) !== definitionOf(server)) additions.push({ type: 'setServer', key, server })
    diffRealServers(key, before, server, { additions, removals, left })
  }
  for (const key of applied.keys()) {
    if (wanted.has(key)) continue
    removals.push({ type: 'deleteServer', key })
    left.delete(key)
  }
  return { additions, removals, draining: left }
}

type Collected = {
  readonly additions: IpvsOperation[]
  readonly removals: IpvsOperation[]
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
    if (known === undefined) additions.push({ type: 'addRealServer', key, address, weight })
    else if (known !== weight) additions.push({ type: 'setRealServer', key, address, weight })
  }
  for (const [address, weight] of before?.realServers ?? []) {
    if (realServers.has(address)) continue
    if (protocol !== 'tcp') removals.push({ type: 'deleteRealServer', key, address })
    else {
      if (weight !== 0) additions.push({ type: 'setRealServer', key, address, weight: 0 })
      leaving.add(address)
    }
  }
  if (leaving.size > 0) left.set(key, leaving)
  else left.delete(key)
}

function definitionOf({ scheduler, schedulerFlags, persistentSeconds }: VirtualServer): string {
  const persistence = persistentSeconds === 0 ? '' : ` persistent ${persistentSeconds}`
  return `${scheduler}${persistence}${schedulerFlags === '' ? '' : ` ${schedulerFlags}`}`
}

/** Removes the draining real servers whose last connection has ended. */
export function planDrain(
  draining: Draining,
  connections: Connections,
): { readonly removals: readonly IpvsOperation[]; readonly draining: Draining } {
  const removals: IpvsOperation[] = []
  const left = new Map<string, ReadonlySet<string>>()
  for (const [key, addresses] of draining) {
    const busy = new Set<string>()
    for (const address of addresses) {
      const count = connections.get(key)?.get(address)
      if (count === undefined) continue
      if (count.active + count.inactive > 0) busy.add(address)
      else removals.push({ type: 'deleteRealServer', key, address })
    }
    if (busy.size > 0) left.set(key, busy)
  }
  return { removals, draining: left }
}
