/**
 * `ipBlock` peers as sets of subnets that do not overlap. Several blocks with their exceptions become one list, so that
 * what one block leaves out and another one brings back needs no thought later.
 */
import {
  type Address,
  contains,
  formatSubnet,
  lastAddress,
  parseAddress,
  parseSubnet,
  type Subnet,
} from '../../component-base/ip-address.ts'
import type { Family } from '../../netfilter/iptables.ts'

/** Subnets by family, sorted, none inside another. */
export type Ranges = Readonly<Record<Family, readonly string[]>>

export type Block = { readonly cidr: string; readonly except?: readonly string[] }

/** First and last address, both inside. */
type Span = { readonly first: bigint; readonly last: bigint }

/** All addresses that at least one block includes and does not except. Blocks that cannot be read include nothing. */
export function rangesOf(blocks: readonly Block[]): Ranges {
  return { ip: subnetsOf(blocks, 32), ip6: subnetsOf(blocks, 128) }
}

function subnetsOf(blocks: readonly Block[], bits: 32 | 128): readonly string[] {
  const spans = blocks.flatMap(({ cidr, except = [] }) => subtract(spansOf([cidr], bits), spansOf(except, bits)))
  return unite(spans).flatMap((span) => cover(span, bits))
}

function spansOf(cidrs: readonly string[], bits: 32 | 128): readonly Span[] {
  return cidrs.flatMap((cidr) => {
    const subnet = parseSubnet(withoutLeadingZeros(cidr))
    if (subnet === undefined || subnet.base.bits !== bits) return []
    return [{ first: subnet.base.value, last: lastAddress(subnet).value }]
  })
}

/** Objects of older servers may hold `010.0.0.0/8`; Kubernetes reads that as decimal (netutils.ParseCIDRSloppy). */
function withoutLeadingZeros(cidr: string): string {
  return cidr.includes(':') ? cidr : cidr.replaceAll(/\b0+(?=\d)/g, '')
}

function subtract(from: readonly Span[], holes: readonly Span[]): readonly Span[] {
  return holes.reduce<readonly Span[]>(
    (spans, hole) =>
      spans.flatMap(({ first, last }) => {
        if (hole.last < first || hole.first > last) return [{ first, last }]
        return [
          ...(hole.first > first ? [{ first, last: hole.first - 1n }] : []),
          ...(hole.last < last ? [{ first: hole.last + 1n, last }] : []),
        ]
      }),
    from,
  )
}

function unite(spans: readonly Span[]): readonly Span[] {
  const united: Span[] = []
  for (const span of spans.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0))) {
    const before = united.at(-1)
    if (before === undefined || span.first > before.last + 1n) united.push(span)
    else if (span.last > before.last) united.splice(-1, 1, { first: before.first, last: span.last })
  }
  return united
}

/** The fewest subnets that make up the span, in order. */
function cover({ first, last }: Span, bits: 32 | 128): readonly string[] {
  const subnets: string[] = []
  for (let at = first; at <= last; ) {
    let hostBits = 0
    while (hostBits < bits && isAligned(at, hostBits + 1) && at + (1n << BigInt(hostBits + 1)) - 1n <= last)
      hostBits += 1
    subnets.push(formatSubnet({ base: { value: at, bits }, prefix: bits - hostBits }))
    at += 1n << BigInt(hostBits)
  }
  return subnets
}

function isAligned(value: bigint, hostBits: number): boolean {
  return (value & ((1n << BigInt(hostBits)) - 1n)) === 0n
}

/** A test whether an address lies in one of the subnets. */
export function rangeTest(ranges: Ranges): (ip: string) => boolean {
  const subnets: readonly Subnet[] = [...ranges.ip, ...ranges.ip6].flatMap((text) => parseSubnet(text) ?? [])
  return (ip) => {
    const address: Address | undefined = parseAddress(ip)
    return address !== undefined && subnets.some((subnet) => contains(subnet, address))
  }
}
