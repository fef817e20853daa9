/**
 * IPv4 and IPv6 addresses as numbers, so that ranges and subnets are plain arithmetic. Pure. It lives here because this is the one
 * folder that CNI plugins, node agents, controllers and the API server may all import.
 */
import { isIP } from 'node:net'

/** An address: its value and its width in bits (32 or 128). */
export type Address = { readonly value: bigint; readonly bits: 32 | 128 }

/** A subnet: its first address and its prefix length. */
export type Subnet = { readonly base: Address; readonly prefix: number }

/** Reads an address; `undefined` when it is none. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text)
  if (family === 4) return { value: BigInt(ipv4Number(text)), bits: 32 }
  if (family === 6 && !text.includes('%')) return { value: fromGroups(expandGroups(text)), bits: 128 }
  return undefined
}

/** Digit by digit: hundreds of thousands of addresses of endpoints are read at a time. */
function ipv4Number(text: string): number {
  let value = 0
  let part = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === 46) {
      value = value * 256 + part
      part = 0
    } else part = part * 10 + code - 48
  }
  return value * 256 + part
}

function fromGroups(groups: readonly number[]): bigint {
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n)
}

function expandGroups(text: string): readonly number[] {
  const [head = '', tail] = text.split('::')
  const left = groups(head)
  if (tail === undefined) return left
  const right = groups(tail)
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
}

function groups(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

/** Writes an address in its canonical form (RFC 5952 for IPv6). */
export function formatAddress({ value, bits }: Address): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => ((value >> shift) & 255n).toString()).join('.')
  const parts = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  return compressZeros(parts)
}

function compressZeros(parts: readonly string[]): string {
  let best = { start: -1, length: 1 }
  for (let start = 0; start < parts.length; start += 1) {
    let length = 0
    while (parts[start + length] === '0') length += 1
    if (length > best.length) best = { start, length }
  }
  if (best.start < 0) return parts.join(':')
  return `${parts.slice(0, best.start).join(':')}::${parts.slice(best.start + best.length).join(':')}`
}

/** The 4 or 16 bytes of an address, as on the wire. */
export function addressBytes({ value, bits }: Address): Buffer {
  const bytes = Buffer.alloc(bits / 8)
  if (bits === 32) bytes.writeUInt32BE(Number(value))
  else {
    bytes.writeBigUInt64BE(value >> 64n)
    bytes.writeBigUInt64BE(value & 0xffff_ffff_ffff_ffffn, 8)
  }
  return bytes
}

/** The address of 4 or 16 bytes; `undefined` for any other number of them. */
export function addressFromBytes(bytes: Buffer): Address | undefined {
  if (bytes.length === 4) return { value: BigInt(bytes.readUInt32BE(0)), bits: 32 }
  if (bytes.length !== 16) return undefined
  return { value: (bytes.readBigUInt64BE(0) << 64n) | bytes.readBigUInt64BE(8), bits: 128 }
}

/** Reads `address/prefix`; the base is masked unless `keepHost` is set. `undefined` when it is no CIDR. */
export function parseSubnet(text: string): (Subnet & { readonly address: Address }) | undefined {
  const [addressText = '', prefixText = '', extra] = text.split('/')
  const address = parseAddress(addressText)
  if (address === undefined || extra !== undefined || !/^\d{1,3}$/.test(prefixText)) return undefined
  const prefix = Number(prefixText)
  if (prefix > address.bits) return undefined
  const hostBits = BigInt(address.bits - prefix)
  return { address, prefix, base: { ...address, value: (address.value >> hostBits) << hostBits } }
}

/** Writes `base/prefix`. */
export function formatSubnet({ base, prefix }: Subnet): string {
  return `${formatAddress(base)}/${prefix}`
}

/** Whether `address` lies in `subnet`; families never match. */
export function contains({ base, prefix }: Subnet, address: Address): boolean {
  const hostBits = BigInt(base.bits - prefix)
  return address.bits === base.bits && address.value >> hostBits === base.value >> hostBits
}

/** Whether all of `inner` lies in `outer`. */
export function covers(outer: Subnet, inner: Subnet): boolean {
  return inner.prefix >= outer.prefix && contains(outer, inner.base)
}

/** Whether two subnets share an address. */
export function overlaps(a: Subnet, b: Subnet): boolean {
  return a.prefix <= b.prefix ? contains(a, b.base) : contains(b, a.base)
}

/** Part number `index` of a subnet cut into pieces of `prefix`; `undefined` past the end. */
export function subnetPart({ base, prefix: outer }: Subnet, prefix: number, index: number): Subnet | undefined {
  const value = base.value + (BigInt(index) << BigInt(base.bits - prefix))
  const end = base.value + (1n << BigInt(base.bits - outer))
  return prefix < outer || value >= end ? undefined : { base: { ...base, value }, prefix }
}

/** The address `offset` after this one. */
export function offsetAddress(address: Address, offset: bigint): Address {
  return { ...address, value: address.value + offset }
}

/** The last address of a subnet (the broadcast address of an IPv4 one). */
export function lastAddress({ base, prefix }: Subnet): Address {
  return { ...base, value: base.value | ((1n << BigInt(base.bits - prefix)) - 1n) }
}
