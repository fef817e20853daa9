/** `ip('10.0.0.1').isLoopback()`: addresses of both families. Source: apiserver `pkg/cel/library/ip.go`. */
import { goQuote } from '../../field-errors.ts'
import { CelError, noSuchOverload } from '../errors.ts'
import type { Library, Overload } from '../library.ts'
import { type CelType, celTypes, opaque } from '../types.ts'
import type { CelValue, OpaqueValue } from '../values.ts'
import { type Address, AddressError, formatAddress, isIpv4Mapped, parseAddress, sameAddress } from './address.ts'
import { nominal, readsFirst, rewritesFirst } from './call-costs.ts'
import { fn, method, ownAt, stringAt } from './declare.ts'

/** The type of addresses. */
export const ipType = opaque('net.IP')

/** An address as a value. */
export class IpValue implements OpaqueValue {
  readonly kind = 'opaque'
  readonly typeName = 'net.IP'
  readonly address: Address

  constructor(address: Address) {
    this.address = address
  }

  get size(): number {
    return this.address.bytes.length
  }

  equals(other: CelValue): boolean {
    if (!(other instanceof IpValue)) throw noSuchOverload()
    return sameAddress(this.address, other.address)
  }
}

/** Reads an address; zones and IPv4-mapped addresses are refused. */
export function readIp(text: string): Address {
  const address = parse(text)
  if (address.zone !== '') throw new CelError(`IP address ${goQuote(text)} with zone value is not allowed`)
  if (isIpv4Mapped(address.bytes)) throw new CelError(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
  return address
}

function parse(text: string): Address {
  try {
    return parseAddress(text)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new CelError(`IP Address ${goQuote(text)} parse error during conversion from string: ${error.message}`)
  }
}

function isIp(text: string): boolean {
  try {
    readIp(text)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}

/** Whether the text is the spelling that addresses are written back in. */
function isCanonical(args: readonly CelValue[]): boolean {
  const text = stringAt(args, 0)
  return formatAddress(readIp(text)) === text
}

const { string, bool, int } = celTypes

function accessor(id: string, result: CelType, read: (bytes: readonly number[]) => CelValue): Overload {
  return method(id, [ipType], result, (args) => read(ownAt(args, 0, IpValue).address.bytes), nominal)
}

function isLoopback(bytes: readonly number[]): boolean {
  if (bytes.length === 4) return bytes[0] === 127
  return isZero(bytes.slice(0, 15)) && bytes[15] === 1
}

function isZero(bytes: readonly number[]): boolean {
  return bytes.every((byte) => byte === 0)
}

function isLinkLocalUnicast([a = 0, b = 0, ...rest]: readonly number[]): boolean {
  return rest.length === 2 ? a === 169 && b === 254 : a === 0xfe && (b & 0xc0) === 0x80
}

function isLinkLocalMulticast([a = 0, b = 0, c = 0, ...rest]: readonly number[]): boolean {
  return rest.length === 1 ? a === 224 && b === 0 && c === 0 : a === 0xff && (b & 0x0f) === 0x02
}

function isMulticast([a = 0, ...rest]: readonly number[]): boolean {
  return rest.length === 3 ? (a & 0xf0) === 0xe0 : a === 0xff
}

function isGlobalUnicast(bytes: readonly number[]): boolean {
  const isBroadcast = bytes.length === 4 && bytes.every((byte) => byte === 255)
  const isSpecial = isZero(bytes) || isLoopback(bytes) || isMulticast(bytes) || isLinkLocalUnicast(bytes)
  return !isBroadcast && !isSpecial
}

/** Functions on addresses. */
export const ipLibrary: Library = {
  name: 'kubernetes.net.ip',
  types: [ipType],
  functions: [
    {
      name: 'ip',
      overloads: [fn('string_to_ip', [string], ipType, (args) => new IpValue(readIp(stringAt(args, 0))), readsFirst)],
    },
    { name: 'isIP', overloads: [fn('is_ip', [string], bool, (args) => isIp(stringAt(args, 0)), readsFirst)] },
    {
      name: 'ip.isCanonical',
      overloads: [fn('ip_is_canonical', [string], bool, isCanonical, rewritesFirst)],
    },
    { name: 'family', overloads: [accessor('ip_family', int, (bytes) => (bytes.length === 4 ? 4n : 6n))] },
    { name: 'isUnspecified', overloads: [accessor('ip_is_unspecified', bool, isZero)] },
    { name: 'isLoopback', overloads: [accessor('ip_is_loopback', bool, isLoopback)] },
    {
      name: 'isLinkLocalMulticast',
      overloads: [accessor('ip_is_link_local_multicast', bool, isLinkLocalMulticast)],
    },
    { name: 'isLinkLocalUnicast', overloads: [accessor('ip_is_link_local_unicast', bool, isLinkLocalUnicast)] },
    { name: 'isGlobalUnicast', overloads: [accessor('ip_is_global_unicast', bool, isGlobalUnicast)] },
    {
      name: 'string',
      overloads: [fn('ip_to_string', [ipType], string, (args) => formatAddress(ownAt(args, 0, IpValue).address))],
    },
  ],
}
