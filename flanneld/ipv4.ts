/**
 * IPv4 addresses and subnets as unsigned 32-bit numbers, for the udp backend, which looks at every packet. Everything
 * else uses `component-base/ip-address.ts`. Pure.
 */
import type { Subnet as AnySubnet } from '../component-base/ip-address.ts'

/** An IPv4 subnet: network address (masked) and prefix length. */
export type Subnet = { readonly address: number; readonly prefix: number }

/** Reads a dotted address; `undefined` when it is none. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return parts.reduce((value, part) => value * 256 + Number(part), 0)
}

/** Writes a dotted address. */
export function formatIpv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

/** The mask of a prefix length. */
export function maskOf(prefix: number): number {
  return prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0
}

/** Reads `address/prefix` and masks it; `undefined` when it is none. */
export function parseSubnet(text: string): Subnet | undefined {
  const [addressText = '', prefixText = '', extra] = text.split('/')
  const address = parseIpv4(addressText)
  if (address === undefined || extra !== undefined || !/^\d{1,2}$/.test(prefixText)) return undefined
  const prefix = Number(prefixText)
  return prefix > 32 ? undefined : { address: (address & maskOf(prefix)) >>> 0, prefix }
}

/** Writes `address/prefix`. */
export function formatSubnet({ address, prefix }: Subnet): string {
  return `${formatIpv4(address)}/${prefix}`
}

/** A subnet of `component-base/ip-address.ts`, which must be an IPv4 one. */
export function ipv4Subnet({ base, prefix }: AnySubnet): Subnet {
  return { address: Number(base.value), prefix }
}
