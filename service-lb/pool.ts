/** The addresses that Services may get: ranges `first-last`, subnets or single addresses, of both families. Pure. */
import {
  type Address,
  formatAddress,
  lastAddress,
  offsetAddress,
  parseAddress,
  parseSubnet,
} from '../component-base/ip-address.ts'

/** Both ends belong to it. */
export type AddressRange = { readonly first: Address; readonly last: Address }
export type Pool = readonly AddressRange[]
export type IpFamily = 'IPv4' | 'IPv6'

/** Reads `172.31.240.200-172.31.240.239`, `2001:db8::/120` or one address; `undefined` when it is none of these. */
export function parseRange(text: string): AddressRange | undefined {
  if (text.includes('/')) {
    const subnet = parseSubnet(text)
    return subnet === undefined ? undefined : { first: subnet.base, last: lastAddress(subnet) }
  }
  const [firstText = '', lastText = firstText, extra] = text.split('-')
  const first = parseAddress(firstText.trim())
  const last = parseAddress(lastText.trim())
  if (first === undefined || last === undefined || extra !== undefined) return undefined
  return first.bits === last.bits && first.value <= last.value ? { first, last } : undefined
}

/** Whether the pool has this address; never for what is no address. */
export function isInPool(pool: Pool, text: string): boolean {
  const address = parseAddress(text)
  return (
    address !== undefined &&
    pool.some(
      ({ first, last }) => first.bits === address.bits && first.value <= address.value && address.value <= last.value,
    )
  )
}

/** The family of an address; `undefined` when it is none. */
export function familyOf(text: string): IpFamily | undefined {
  const bits = parseAddress(text)?.bits
  return bits === undefined ? undefined : bits === 32 ? 'IPv4' : 'IPv6'
}

/** The ranges of one family. */
export function rangesOf(pool: Pool, family: IpFamily): Pool {
  return pool.filter(({ first }) => first.bits === (family === 'IPv4' ? 32 : 128))
}

/** How many addresses there are; may be astronomic. */
export function sizeOf(pool: Pool): bigint {
  return pool.reduce((sum, { first, last }) => sum + last.value - first.value + 1n, 0n)
}

/** The first address that is free. Looks at no more addresses than are taken, and one. */
export function firstFree(pool: Pool, isTaken: (address: string) => boolean): string | undefined {
  for (const { first, last } of pool) {
    for (let address = first; address.value <= last.value; address = offsetAddress(address, 1n)) {
      const text = formatAddress(address)
      if (!isTaken(text)) return text
    }
  }
  return undefined
}

/** The one way to write an address, so that two spellings of it are the same; `undefined` when it is none. */
export function canonical(text: string): string | undefined {
  const address = parseAddress(text)
  return address === undefined ? undefined : formatAddress(address)
}
