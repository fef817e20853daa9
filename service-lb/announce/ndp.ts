/**
 * Neighbour solicitations and advertisements of IPv6 (RFC 4861 sections 4.3 and 4.4), as whole Ethernet frames. Pure.
 *
 *   Ethernet 14 | IPv6 40 | type 1, code 1, checksum 2, flags 4 | target 16 | options (type 1, length 1 in units of 8, …)
 */
import { formatAddress, parseAddress } from '../../component-base/ip-address.ts'

export type Solicitation = {
  readonly sourceMac: Buffer
  /** `::` for a node that checks whether it may have the address (RFC 4862). */
  readonly sourceIp: string
  readonly targetIp: string
}

const ethernetBytes = 14
const ipv6Bytes = 40
const icmpAt = ethernetBytes + ipv6Bytes
const solicitationBytes = 24
const etherTypeIpv6 = 0x86dd
const icmpv6 = 58
/** Proof that no router has forwarded it (RFC 4861 section 7.1.1). */
const hopLimit = 255
const flags = { solicited: 0x4000_0000, override: 0x2000_0000 } as const
const targetLinkLayerAddress = 2
const allNodes = 'ff02::1'

/** Reads a solicitation; `undefined` for anything else, and for one whose checksum is wrong. */
export function parseSolicitation(frame: Buffer): Solicitation | undefined {
  if (frame.length < icmpAt + solicitationBytes || frame.readUInt16BE(12) !== etherTypeIpv6) return undefined
  const payload = frame.readUInt16BE(ethernetBytes + 4)
  const isSolicitation =
    frame[ethernetBytes + 6] === icmpv6 &&
    frame[ethernetBytes + 7] === hopLimit &&
    frame[icmpAt] === 135 &&
    frame[icmpAt + 1] === 0
  if (!isSolicitation || payload < solicitationBytes || frame.length < icmpAt + payload) return undefined
  const [source, destination] = [frame.subarray(22, 38), frame.subarray(38, 54)]
  if (checksum(source, destination, frame.subarray(icmpAt, icmpAt + payload)) !== 0) return undefined
  return {
    sourceMac: Buffer.from(frame.subarray(6, 12)),
    sourceIp: textOf(source),
    targetIp: textOf(frame.subarray(icmpAt + 8, icmpAt + 24)),
  }
}

/** The answer to whoever asked; to all when the asker has no address yet. */
export function advertisement({ sourceMac, sourceIp, targetIp }: Solicitation, mac: Buffer, from: string): Buffer {
  const isProbe = sourceIp === '::'
  return frame({
    destinationMac: isProbe ? multicastMac(allNodes) : sourceMac,
    mac,
    from,
    to: isProbe ? allNodes : sourceIp,
    targetIp,
    flags: isProbe ? flags.override : flags.solicited | flags.override,
  })
}

/** Tells everybody that `ip` is at `mac` now (RFC 4861 section 7.2.6). */
export function unsolicitedAdvertisement(ip: string, mac: Buffer, from: string): Buffer {
  return frame({ destinationMac: multicastMac(allNodes), mac, from, to: allNodes, targetIp: ip, flags: flags.override })
}

/** The group that is asked for an address: `ff02::1:ff00:0/104` and its last 24 bits (RFC 4291 section 2.7.1). */
export function solicitedNodeGroup(ip: string): string {
  const value = parseAddress(ip)?.value ?? 0n
  const group = (parseAddress('ff02::1:ff00:0')?.value ?? 0n) | (value & 0xff_ffffn)
  return formatAddress({ value: group, bits: 128 })
}

/** RFC 2464 section 7. */
function multicastMac(group: string): Buffer {
  return Buffer.concat([Buffer.from([0x33, 0x33]), bytesOf(group).subarray(12)])
}

function frame(parts: {
  readonly destinationMac: Buffer
  readonly mac: Buffer
  readonly from: string
  readonly to: string
  readonly targetIp: string
  readonly flags: number
}): Buffer {
  const { destinationMac, mac, from, to, targetIp } = parts
  const message = Buffer.alloc(solicitationBytes + 8)
  message[0] = 136
  message.writeUInt32BE(parts.flags, 4)
  bytesOf(targetIp).copy(message, 8)
  message.set([targetLinkLayerAddress, 1], 24)
  mac.copy(message, 26)
  const [source, destination] = [bytesOf(from), bytesOf(to)]
  message.writeUInt16BE(checksum(source, destination, message), 2)
  const header = Buffer.alloc(ethernetBytes + 8)
  destinationMac.copy(header, 0)
  mac.copy(header, 6)
  header.writeUInt16BE(etherTypeIpv6, 12)
  header[ethernetBytes] = 0x60
  header.writeUInt16BE(message.length, ethernetBytes + 4)
  header[ethernetBytes + 6] = icmpv6
  header[ethernetBytes + 7] = hopLimit
  return Buffer.concat([header, source, destination, message])
}

/** Over the pseudo header and the message (RFC 8200 section 8.1); 0 for a message with a right checksum in it. */
function checksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  const tail = Buffer.alloc(8)
  tail.writeUInt32BE(message.length, 0)
  tail[7] = icmpv6
  const bytes = Buffer.concat([source, destination, tail, message, Buffer.alloc(message.length % 2)])
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

function bytesOf(ip: string): Buffer {
  const value = parseAddress(ip)?.value ?? 0n
  return Buffer.from(value.toString(16).padStart(32, '0'), 'hex')
}

function textOf(bytes: Buffer): string {
  return formatAddress({ value: BigInt(`0x${bytes.toString('hex')}`), bits: 128 })
}
