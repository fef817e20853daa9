/**
 * IP addresses and prefixes as Go's `net/netip` reads and writes them, with its messages: strict about leading zeros, and the
 * shortest spelling on the way out. Source: Go `net/netip`, RFC 4291 §2.2, RFC 5952.
 */
import { goQuote } from '../../field-errors.ts'

/** An address: 4 or 16 bytes, and a zone where it has one. */
export type Address = { readonly bytes: readonly number[]; readonly zone: string }

/** An address and how many of its bits name the network; the other bits are kept. */
export type Prefix = { readonly address: Address; readonly bits: number }

/** A text is no address; the message is Go's. */
export class AddressError extends Error {
  override readonly name = 'AddressError'
}

/** Reads an address of either family; throws `AddressError`. */
export function parseAddress(text: string): Address {
  const first = /[.:%]/.exec(text)?.[0]
  if (first === '.') return { bytes: parseIpv4(text, text), zone: '' }
  if (first === ':') return parseIpv6(text)
  throw problem(text, first === '%' ? 'missing IPv6 address' : 'unable to parse IP')
}

function problem(text: string, message: string, at = ''): AddressError {
  return new AddressError(`ParseAddr(${goQuote(text)}): ${message}${at === '' ? '' : ` (at ${goQuote(at)})`}`)
}

/** Reads the dotted `part` of `whole`, which stands in messages. */
function parseIpv4(part: string, whole: string): readonly number[] {
  const fields: number[] = []
  let digits = ''
  for (let i = 0; i < part.length; i++) {
    const character = part.charAt(i)
    if (/[0-9]/.test(character)) {
      if (digits === '0') throw problem(whole, 'IPv4 field has octet with leading zero')
      digits += character
      if (Number(digits) > 255) throw problem(whole, 'IPv4 field has value >255')
    } else if (character === '.') {
      if (digits === '' || i === part.length - 1) {
        throw problem(whole, 'IPv4 field must have at least one digit', part.slice(i))
      }
      if (fields.length === 3) throw problem(whole, 'IPv4 address too long')
      fields.push(Number(digits))
      digits = ''
    } else {
      throw problem(whole, 'unexpected character', part.slice(i))
    }
  }
  if (fields.length < 3) throw problem(whole, 'IPv4 address too short')
  return [...fields, Number(digits)]
}

function parseIpv6(text: string): Address {
  const percent = text.indexOf('%')
  const zone = percent < 0 ? '' : text.slice(percent + 1)
  if (percent >= 0 && zone === '') throw problem(text, 'zone must be a non-empty string')
  return { bytes: parseGroups(percent < 0 ? text : text.slice(0, percent), text), zone }
}

const addressBytes = 16

/** Reads groups of hex digits, `::` once, and a dotted end. */
function parseGroups(part: string, whole: string): readonly number[] {
  const bytes: number[] = []
  let gap = part.startsWith('::') ? 0 : undefined
  let rest = gap === 0 ? part.slice(2) : part
  while (rest !== '' && bytes.length < addressBytes) {
    const digits = readGroup(rest, whole)
    if (rest[digits.length] === '.') {
      bytes.push(...parseEmbedded(rest, whole, bytes.length, gap !== undefined))
      rest = ''
      break
    }
    const value = Number.parseInt(digits, 16)
    bytes.push(value >> 8, value & 0xff)
    rest = afterGroup(rest.slice(digits.length), whole)
    if (!rest.startsWith(':')) continue
    if (gap !== undefined) throw problem(whole, 'multiple :: in address', rest)
    gap = bytes.length
    rest = rest.slice(1)
  }
  if (rest !== '') throw problem(whole, 'trailing garbage after address', rest)
  return expand(bytes, gap, whole)
}

function readGroup(rest: string, whole: string): string {
  const digits = /^[0-9a-fA-F]*/.exec(rest)?.[0] ?? ''
  if (digits.length > 4) throw problem(whole, 'each group must have 4 or less digits', rest)
  if (digits === '') throw problem(whole, 'each colon-separated field must have at least one digit', rest)
  return digits
}

/** What follows the colon after a group; `:` again for `::`. */
function afterGroup(rest: string, whole: string): string {
  if (rest === '') return ''
  if (rest[0] !== ':') throw problem(whole, 'unexpected character, want colon', rest)
  if (rest.length === 1) throw problem(whole, 'colon must be followed by more characters', rest)
  return rest.slice(1)
}

function parseEmbedded(rest: string, whole: string, before: number, hasGap: boolean): readonly number[] {
  if (!hasGap && before !== 12) {
    throw problem(whole, 'embedded IPv4 address must replace the final 2 fields of the address', rest)
  }
  if (before + 4 > addressBytes) {
    throw problem(whole, 'too many hex fields to fit an embedded IPv4 at the end of the address', rest)
  }
  return parseIpv4(rest, whole)
}

function expand(bytes: readonly number[], gap: number | undefined, whole: string): readonly number[] {
  const missing = addressBytes - bytes.length
  if (missing > 0 && gap === undefined) throw problem(whole, 'address string too short')
  if (missing === 0 && gap !== undefined) {
    throw problem(whole, 'the :: must expand to at least one field of zeros')
  }
  if (gap === undefined) return bytes
  return [...bytes.slice(0, gap), ...new Array<number>(missing).fill(0), ...bytes.slice(gap)]
}

/** The shortest spelling. */
export function formatAddress({ bytes, zone }: Address): string {
  if (bytes.length === 4) return bytes.join('.')
  const text = isIpv4Mapped(bytes) ? `::ffff:${bytes.slice(12).join('.')}` : formatGroups(bytes)
  return zone === '' ? text : `${text}%${zone}`
}

/** `::ffff:1.2.3.4`. */
export function isIpv4Mapped(bytes: readonly number[]): boolean {
  return (
    bytes.length === addressBytes &&
    bytes.slice(0, 10).every((byte) => byte === 0) &&
    bytes[10] === 255 &&
    bytes[11] === 255
  )
}

function formatGroups(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0))
  const { start, length } = longestZeros(groups)
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`
}

/** The first of the longest runs of zeros. */
function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 }
  let length = 0
  for (const [i, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0
    if (length > best.length) best = { start: i + 1 - length, length }
  }
  return best
}

/** Reads `address/bits`; throws `AddressError`. */
export function parsePrefix(text: string): Prefix {
  const slash = text.lastIndexOf('/')
  if (slash < 0) throw prefixProblem(text, "no '/'")
  const address = prefixAddress(text, text.slice(0, slash))
  if (address.zone !== '') throw prefixProblem(text, 'IPv6 zones cannot be present in a prefix')
  const bits = text.slice(slash + 1)
  if (!/^(?:0|[1-9][0-9]*)$/.test(bits) || Number(bits) >= 2 ** 63) {
    throw prefixProblem(text, `bad bits after slash: ${goQuote(bits)}`)
  }
  if (Number(bits) > address.bytes.length * 8) throw prefixProblem(text, 'prefix length out of range')
  return { address, bits: Number(bits) }
}

function prefixProblem(text: string, message: string): AddressError {
  return new AddressError(`netip.ParsePrefix(${goQuote(text)}): ${message}`)
}

function prefixAddress(text: string, address: string): Address {
  try {
    return parseAddress(address)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw prefixProblem(text, error.message)
  }
}

/** `address/bits`. */
export function formatPrefix({ address, bits }: Prefix): string {
  return `${formatAddress(address)}/${bits}`
}

/** The address with all bits after the first `bits` cleared. */
export function maskAddress({ bytes, zone }: Address, bits: number): Address {
  const masked = bytes.map((byte, i) => byte & (0xff00 >> Math.min(Math.max(bits - i * 8, 0), 8)) & 0xff)
  return { bytes: masked, zone }
}

/** Whether both are the same address. */
export function sameAddress(a: Address, b: Address): boolean {
  return a.bytes.length === b.bytes.length && a.zone === b.zone && a.bytes.every((byte, i) => byte === b.bytes[i])
}

/** Whether an address lies in a prefix. */
export function prefixContains({ address, bits }: Prefix, other: Address): boolean {
  return other.zone === '' && sameAddress(maskAddress(address, bits), maskAddress(other, bits))
}

/** Whether all of `inner` lies in `outer`. */
export function prefixIncludes(outer: Prefix, inner: Prefix): boolean {
  return outer.bits <= inner.bits && prefixContains(outer, inner.address)
}
