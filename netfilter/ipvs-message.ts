/**
 * The messages of the kernel's family `IPVS` (include/uapi/linux/ip_vs.h, net/netfilter/ipvs/ip_vs_ctl.c). Pure.
 *
 *   NEW_SERVICE  { service: family, protocol, address, port, scheduler, flags, timeout, netmask }
 *   NEW_DEST     { service: family, protocol, address, port } { destination: address, port, method, weight, thresholds, family }
 *
 * Addresses are always 16 bytes, of which IPv4 uses the first four. Addresses and ports are in network order, all else in the machine's.
 */
import { addressBytes, addressFromBytes, formatAddress, parseAddress } from '../component-base/ip-address.ts'
import { genericAttributes, writeGeneric } from '../component-base/netlink/generic.ts'
import {
  decodeAttributes,
  flags as messageFlags,
  type NetlinkAttributes,
  type NetlinkMessage,
  NetlinkWriter,
  requireValue,
  textOf,
} from '../component-base/netlink/message.ts'
import { familyNumbers } from '../component-base/netlink/route.ts'
import type { Family } from './iptables.ts'
import {
  type ConnectionCount,
  familyOf,
  type IpvsOperation,
  type IpvsProtocol,
  ipOfAddress,
  joinAddress,
  parseKey,
  portOfAddress,
  type VirtualServer,
} from './ipvs.ts'

/** The name that the kernel knows the family by. */
export const ipvsFamilyName = 'IPVS'

/** In seconds; 0 leaves one as it is. */
export type IpvsTimeouts = { readonly tcp: number; readonly tcpFin: number; readonly udp: number }

const version = 1
const commands = {
  newService: 1,
  setService: 2,
  deleteService: 3,
  getService: 4,
  newDestination: 5,
  setDestination: 6,
  deleteDestination: 7,
  getDestination: 8,
  setConfig: 12,
} as const
const top = { service: 1, destination: 2, timeoutTcp: 4, timeoutTcpFin: 5, timeoutUdp: 6 } as const
const service = {
  ...{ family: 1, protocol: 2, address: 3, port: 4, firewallMark: 5, scheduler: 6, flags: 7, timeout: 8, netmask: 9 },
} as const
const destination = {
  ...{ address: 1, port: 2, method: 3, weight: 4, upperThreshold: 5, lowerThreshold: 6 },
  ...{ active: 7, inactive: 8, family: 11 },
} as const
const protocolNumbers = { tcp: 6, udp: 17, sctp: 132 } as const
const protocolNames: Readonly<Record<number, IpvsProtocol>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' }
/** IP_VS_CONN_F_MASQ: the destination is translated. */
const masquerade = 0
const addressSize = 16
/** Room for a family, a protocol, an address and a port. */
const nameBytes = 64
/** IP_VS_SVC_F_*; the kernel sets 0x2 by itself. */
const persistentFlag = 0x1
const schedulerFlagBits = { 'one-packet': 0x4, 'flag-1': 0x8, 'flag-2': 0x10, 'flag-3': 0x20 } as const
type FlagName = keyof typeof schedulerFlagBits
/** What the flags mean to some schedulers: the names that `ipvsadm` has for them. */
const flagNames: Readonly<Record<string, Partial<Record<FlagName, string>>>> = {
  sh: { 'flag-1': 'sh-fallback', 'flag-2': 'sh-port' },
  mh: { 'flag-1': 'mh-fallback', 'flag-2': 'mh-port' },
}
const netmasks = { ip: 0xffff_ffff, ip6: 128 } as const

const commandOf = {
  addServer: commands.newService,
  setServer: commands.setService,
  deleteServer: commands.deleteService,
  addRealServer: commands.newDestination,
  setRealServer: commands.setDestination,
  deleteRealServer: commands.deleteDestination,
} as const satisfies Readonly<Record<IpvsOperation['type'], number>>

/** Writes the message for one operation after the other; what names a virtual server is kept for its real servers. */
export function operationWriter(family: number): (writer: NetlinkWriter, operation: IpvsOperation) => void {
  let known: { readonly key: string; readonly name: Buffer } = { key: '', name: Buffer.alloc(0) }
  return (writer, operation) => {
    if (operation.key !== known.key) known = { key: operation.key, name: nameOf(operation.key) }
    const body = () => {
      writeService(writer, known.name, 'server' in operation ? operation.server : undefined)
      if (!('address' in operation)) return
      writeDestination(writer, operation.address, 'weight' in operation ? operation.weight : undefined)
    }
    writeGeneric(writer, { family, version, command: commandOf[operation.type], body })
  }
}

/** Asks for all virtual servers, or for the one of a key; then an error says that there is none. */
export function writeServersQuestion(writer: NetlinkWriter, family: number, key: string | undefined): void {
  const all = key === undefined ? { flags: messageFlags.dump } : {}
  const body = () => {
    if (key !== undefined) writeService(writer, nameOf(key))
  }
  writeGeneric(writer, { family, version, command: commands.getService, ...all, body })
}

/** Asks for all real servers of a virtual server; of one that does not exist there are none. */
export function writeRealServersQuestion(writer: NetlinkWriter, family: number, key: string): void {
  const body = () => writeService(writer, nameOf(key))
  writeGeneric(writer, { family, version, command: commands.getDestination, flags: messageFlags.dump, body })
}

/** Sets how long connections are remembered. */
export function writeTimeouts(writer: NetlinkWriter, family: number, { tcp, tcpFin, udp }: IpvsTimeouts): void {
  const values = [
    [top.timeoutTcp, tcp],
    [top.timeoutTcpFin, tcpFin],
    [top.timeoutUdp, udp],
  ] as const
  const body = () => {
    for (const [type, seconds] of values) if (seconds > 0) writer.attributeU32(type, seconds)
  }
  writeGeneric(writer, { family, version, command: commands.setConfig, body })
}

/** The virtual server that an answer describes; `undefined` for one by firewall mark, which is nobody's business here. */
export function serverIn(message: NetlinkMessage): Omit<VirtualServer, 'realServers'> | undefined {
  const attributes = decodeAttributes(requireValue(genericAttributes(message), top.service, 0))
  if (attributes.has(service.firewallMark)) return undefined
  const protocol = protocolNames[requireValue(attributes, service.protocol, 2).readUInt16LE(0)]
  if (protocol === undefined) return undefined
  const scheduler = textOf(requireValue(attributes, service.scheduler, 1))
  const bits = requireValue(attributes, service.flags, 4).readUInt32LE(0)
  const isIpv6 = requireValue(attributes, service.family, 2).readUInt16LE(0) === familyNumbers.ip6
  return {
    protocol,
    address: addressIn(attributes, service, isIpv6 ? 'ip6' : 'ip'),
    scheduler,
    schedulerFlags: flagsText(scheduler, bits),
    // The kernel remembers a timeout for every server.
    persistentSeconds: (bits & persistentFlag) === 0 ? 0 : requireValue(attributes, service.timeout, 4).readUInt32LE(0),
  }
}

/** A real server with its connections. */
export type FoundRealServer = {
  readonly address: string
  readonly weight: number
  readonly connections: ConnectionCount
}

/** The real server that an answer describes; its family is that of its virtual server. */
export function realServerIn(message: NetlinkMessage, family: Family): FoundRealServer {
  const attributes = decodeAttributes(requireValue(genericAttributes(message), top.destination, 0))
  const number = (type: number) => requireValue(attributes, type, 4).readUInt32LE(0)
  return {
    address: addressIn(attributes, destination, family),
    weight: number(destination.weight),
    connections: { active: number(destination.active), inactive: number(destination.inactive) },
  }
}

/** The attributes that tell virtual servers apart. */
function nameOf(key: string): Buffer {
  const { protocol, address } = parseKey(key)
  const writer = new NetlinkWriter(nameBytes)
  writer.attributeU16(service.family, familyNumbers[familyOf(address)])
  writer.attributeU16(service.protocol, protocolNumbers[protocol])
  writeAddress(writer, service, address)
  return writer.written()
}

/** What tells servers apart, and the rest where the kernel is to have it. */
function writeService(writer: NetlinkWriter, name: Buffer, server?: VirtualServer): void {
  writer.nest(top.service, () => {
    writer.bytes(name)
    if (server === undefined) return
    const { address, scheduler, schedulerFlags, persistentSeconds } = server
    writer.attributeText(service.scheduler, scheduler)
    const isPersistent = persistentSeconds > 0
    const value = Buffer.alloc(8)
    value.writeUInt32LE(flagBits(schedulerFlags) | (isPersistent ? persistentFlag : 0), 0)
    // The mask: all flags get the value given here.
    value.writeUInt32LE(0xffff_ffff, 4)
    writer.attribute(service.flags, value)
    writer.attributeU32(service.timeout, persistentSeconds)
    writer.attributeU32(service.netmask, netmasks[familyOf(address)])
  })
}

function writeDestination(writer: NetlinkWriter, address: string, weight?: number): void {
  writer.nest(top.destination, () => {
    writeAddress(writer, destination, address)
    if (weight === undefined) return
    writer.attributeU32(destination.method, masquerade)
    writer.attributeU32(destination.weight, weight)
    writer.attributeU32(destination.upperThreshold, 0)
    writer.attributeU32(destination.lowerThreshold, 0)
    writer.attributeU16(destination.family, familyNumbers[familyOf(address)])
  })
}

type AddressTypes = { readonly address: number; readonly port: number }

function writeAddress(writer: NetlinkWriter, types: AddressTypes, address: string): void {
  const ip = parseAddress(ipOfAddress(address))
  if (ip === undefined) throw new TypeError(`not an address: ${address}`)
  writer.attribute(types.address, addressBytes(ip), addressSize)
  writer.attributePort(types.port, portOfAddress(address))
}

function addressIn(attributes: NetlinkAttributes, types: AddressTypes, family: Family): string {
  const bytes = requireValue(attributes, types.address, addressSize).subarray(0, family === 'ip' ? 4 : addressSize)
  const ip = addressFromBytes(bytes)
  const port = requireValue(attributes, types.port, 2).readUInt16BE(0)
  return ip === undefined ? '' : joinAddress(formatAddress(ip), port)
}

function flagsText(scheduler: string, bits: number): string {
  return Object.entries(schedulerFlagBits)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => flagNames[scheduler]?.[name as FlagName] ?? name)
    .join(',')
}

const bitsByName: ReadonlyMap<string, number> = new Map([
  ...Object.entries(schedulerFlagBits),
  ...Object.values(flagNames).flatMap((names) =>
    Object.entries(names).map(([flag, name]): [string, number] => [name, schedulerFlagBits[flag as FlagName]]),
  ),
])

function flagBits(text: string): number {
  return text
    .split(',')
    .filter(Boolean)
    .reduce((bits, name) => {
      const bit = bitsByName.get(name)
      if (bit === undefined) throw new TypeError(`no flag of a scheduler: ${name}`)
      return bits | bit
    }, 0)
}
