/** `struct sockaddr_in` and `sockaddr_in6` as bytes. Pure. */
import { isIPv4, isIPv6 } from 'node:net'
import { addressBytes, formatIpv6 } from '../codec/record.ts'
import type { Peer } from '../plugins/plugin.ts'

const familyIpv4 = 2
const familyIpv6 = 10
/** Room for either. */
export const socketAddressBytes = 28

/** The bytes of an address and port. */
export function encodeSocketAddress(address: string, port: number): Buffer {
  const bytes = Buffer.alloc(isIPv6(address) ? socketAddressBytes : 16)
  bytes.writeUInt16LE(isIPv6(address) ? familyIpv6 : familyIpv4, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(addressBytes(address), isIPv4(address) ? 4 : 8)
  return bytes
}

/** The address and port in such bytes. */
export function decodeSocketAddress(bytes: Buffer): Peer {
  const port = bytes.readUInt16BE(2)
  if (bytes.readUInt16LE(0) === familyIpv4) return { address: bytes.subarray(4, 8).join('.'), port }
  return { address: formatIpv6(bytes.subarray(8, 24)), port }
}

/** How many of the bytes count. */
export function socketAddressSize(bytes: Uint8Array): number {
  return bytes[0] === familyIpv4 ? 16 : socketAddressBytes
}
