/** Devices and their addresses: messages of the family `route` (rtnetlink(7), include/uapi/linux/if_link.h and if_addr.h). Pure. */
import { addressBytes, addressFromBytes, formatAddress, parseAddress } from '../ip-address.ts'
import { decodeAttributes, flags, NetlinkFormatError, type NetlinkMessage, type NetlinkWriter } from './message.ts'

const types = {
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
} as const
const linkHeaderBytes = 16
const addressHeaderBytes = 8
const linkAttributes = { name: 3, info: 18, infoKind: 1 } as const
const addressAttributes = { address: 1, local: 2, flags: 8 } as const
/** Nobody else can have the address: no need to look for duplicates. */
const noDuplicateDetection = 0x02
const linkScope = 253

/** AF_INET and AF_INET6. */
export const familyNumbers = { ip: 2, ip6: 10 } as const
type Family = keyof typeof familyNumbers

/** An address of a device. */
export type DeviceAddress = { readonly index: number; readonly ip: string; readonly isLinkLocal: boolean }

/** Asks for a device by its name; an error says that there is none. */
export function writeLinkQuestion(writer: NetlinkWriter, name: string): void {
  writer.message(types.getLink, 0, () => {
    writeLinkHeader(writer, 0)
    writer.attributeText(linkAttributes.name, name)
  })
}

/** The index of the device that an answer describes. */
export function linkIndexIn({ type, payload }: NetlinkMessage): number {
  if (type !== types.newLink || payload.length < linkHeaderBytes) throw new NetlinkFormatError('not about a device')
  return payload.readInt32LE(4)
}

/** Makes a device of a kind that needs no more than a name, such as `dummy`. */
export function writeNewLink(writer: NetlinkWriter, name: string, kind: string): void {
  writer.message(types.newLink, flags.create | flags.exclusive, () => {
    writeLinkHeader(writer, 0)
    writer.attributeText(linkAttributes.name, name)
    writer.nest(linkAttributes.info, () => writer.attributeText(linkAttributes.infoKind, kind))
  })
}

/** Takes a device away, with all its addresses. */
export function writeDeleteLink(writer: NetlinkWriter, index: number): void {
  writer.message(types.deleteLink, 0, () => writeLinkHeader(writer, index))
}

/** Asks for the addresses of one family, of all devices. */
export function writeAddressQuestion(writer: NetlinkWriter, family: Family): void {
  writer.message(types.getAddress, flags.dump, () => writeAddressHeader(writer, familyNumbers[family], 0, 0))
}

/** Gives a device an address of its own, without a subnet, or takes it away. */
export function writeAddress(
  writer: NetlinkWriter,
  { type, index, ip }: { readonly type: 'add' | 'delete'; readonly index: number; readonly ip: string },
): void {
  const address = parseAddress(ip)
  if (address === undefined) throw new TypeError(`not an address: ${ip}`)
  const bytes = addressBytes(address)
  const isAddition = type === 'add'
  // What is there already is no error.
  const more = isAddition ? flags.create | flags.replace : 0
  writer.message(isAddition ? types.newAddress : types.deleteAddress, more, () => {
    writeAddressHeader(writer, address.bits === 32 ? familyNumbers.ip : familyNumbers.ip6, address.bits, index)
    writer.attribute(addressAttributes.local, bytes)
    writer.attribute(addressAttributes.address, bytes)
    if (isAddition && address.bits === 128) writer.attributeU32(addressAttributes.flags, noDuplicateDetection)
  })
}

/** The address that an answer describes. */
export function addressIn({ type, payload }: NetlinkMessage): DeviceAddress {
  if (type !== types.newAddress || payload.length < addressHeaderBytes)
    throw new NetlinkFormatError('not about an address')
  const attributes = decodeAttributes(payload.subarray(addressHeaderBytes))
  // IPv4 tells its own address and that of a peer, which is the same where there is none; IPv6 only tells the latter.
  const bytes = attributes.get(addressAttributes.local) ?? attributes.get(addressAttributes.address)
  const address = bytes === undefined ? undefined : addressFromBytes(bytes)
  if (address === undefined) throw new NetlinkFormatError('an address that is none')
  return {
    index: payload.readUInt32LE(4),
    ip: formatAddress(address),
    isLinkLocal: payload.readUInt8(3) === linkScope,
  }
}

function writeLinkHeader(writer: NetlinkWriter, index: number): void {
  for (const value of [0, index, 0, 0]) writer.u32(value)
}

function writeAddressHeader(writer: NetlinkWriter, family: number, prefix: number, index: number): void {
  for (const value of [family, prefix, 0, 0]) writer.u8(value)
  writer.u32(index)
}
