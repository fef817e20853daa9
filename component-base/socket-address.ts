/** `struct sockaddr_in` and `sockaddr_in6` as bytes. Pure. */
import { addressBytes, addressFromBytes, formatAddress, parseAddress } from './ip-address.ts'

/** An address and a port. */
export type SocketAddress = { readonly address: string; readonly port: number }

const familyIpv4 = 2
const familyIpv6 = 10
/** Room for either. */
export const socketAddressBytes = 28

/** The bytes of an address and port. */
export function encodeSocketAddress(text: string, port: number): Buffer {
  const address = parseAddress(text)
  if (address === undefined) throw new TypeError(`Not an address: ${text}`)
  const isV4 = address.bits === 32
  const bytes = Buffer.alloc(isV4 ? 16 : socketAddressBytes)
  bytes.writeUInt16LE(isV4 ? familyIpv4 : familyIpv6, 0)
  bytes.writeUInt16BE(port, 2)
  bytes.set(addressBytes(address), isV4 ? 4 : 8)
  return bytes
}

/** The address and port in such bytes. */
export function decodeSocketAddress(bytes: Buffer): SocketAddress {
  const isV4 = bytes.readUInt16LE(0) === familyIpv4
  const address = addressFromBytes(isV4 ? bytes.subarray(4, 8) : bytes.subarray(8, 24))
  if (address === undefined) throw new TypeError(`Not a socket address: ${bytes.length} bytes`)
  return { address: formatAddress(address), port: bytes.readUInt16BE(2) }
}

/** How many of the bytes count. */
export function socketAddressSize(bytes: Uint8Array): number {
  return bytes[0] === familyIpv4 ? 16 : socketAddressBytes
}
