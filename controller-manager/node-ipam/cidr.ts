/** Address ranges as numbers. Pure. */
import { isIP } from 'node:net'

/** A range: `base` is its first address. */
export type Cidr = { readonly bits: 32 | 128; readonly base: bigint; readonly prefix: number }

/** Reads `10.244.0.0/16` or `fd00::/48`; `undefined` when it is neither. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = ''] = text.split('/')
  const family = isIP(address)
  if (family === 0 || !/^\d+$/.test(length)) return undefined
  const bits = family === 4 ? 32 : 128
  const prefix = Number(length)
  if (prefix > bits) return undefined
  const value = family === 4 ? ipv4Value(address) : ipv6Value(address)
  const host = BigInt(bits - prefix)
  return { bits, prefix, base: (value >> host) << host }
}

/** The range as text. */
export function formatCidr({ bits, base, prefix }: Cidr): string {
  return `${bits === 32 ? ipv4Text(base) : ipv6Text(base)}/${prefix}`
}

/** Whether two ranges share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  if (a.bits !== b.bits) return false
  const host = BigInt(a.bits - Math.min(a.prefix, b.prefix))
  return a.base >> host === b.base >> host
}

/** The part number `index` of a range cut into pieces of `prefix`; `undefined` past the end. */
export function subnet(range: Cidr, prefix: number, index: number): Cidr | undefined {
  const size = 1n << BigInt(range.bits - prefix)
  const base = range.base + size * BigInt(index)
  const last = range.base + (1n << BigInt(range.bits - range.prefix))
  return prefix < range.prefix || base >= last ? undefined : { bits: range.bits, base, prefix }
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, part) => value * 256n + BigInt(part), 0n)
}

function ipv6Value(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (dotted !== null) {
    const low = ipv4Value(dotted[2] ?? '')
    return ipv6Value(`${dotted[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`)
  }
  const [head = '', tail] = text.split('::')
  const words = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const left = words(head)
  const right = tail === undefined ? [] : words(tail)
  const middle = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...middle, ...right].reduce((value, word) => value * 65536n + BigInt(`0x${word}`), 0n)
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.')
}

/** RFC 5952: the first of the longest runs of zero words is left out. */
function ipv6Text(value: bigint): string {
  const words = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16))
  const runs = words.map((_, start) => ({ start, length: zerosFrom(words, start) }))
  const longest = runs.toSorted((a, b) => b.length - a.length || a.start - b.start)[0]
  if (longest === undefined || longest.length < 2) return words.join(':')
  return `${words.slice(0, longest.start).join(':')}::${words.slice(longest.start + longest.length).join(':')}`
}

function zerosFrom(words: readonly string[], start: number): number {
  const end = words.findIndex((word, index) => index >= start && word !== '0')
  return (end === -1 ? words.length : end) - start
}
