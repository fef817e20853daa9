/** `cidr('10.0.0.0/8').containsIP('10.1.2.3')`: address ranges of both families. Source: apiserver `pkg/cel/library/cidr.go`. */
import { goQuote } from '../../field-errors.ts'
import { CelError, noSuchOverload } from '../errors.ts'
import { addRanges, scaleRange } from '../estimate-range.ts'
import { callCost, stringTraversalCost, traversalCost } from '../estimate-standard.ts'
import type { Library, Overload, Range } from '../library.ts'
import { sizeOf } from '../runtime-type.ts'
import { type CelType, celTypes, opaque } from '../types.ts'
import type { CelValue, OpaqueValue } from '../values.ts'
import {
  type Address,
  AddressError,
  formatPrefix,
  isIpv4Mapped,
  maskAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixIncludes,
  sameAddress,
} from './address.ts'
import { type CallCosts, nominal, readsFirst, sizeOfArgument } from './call-costs.ts'
import { traversal } from './costs.ts'
import { fn, method, ownAt, stringAt } from './declare.ts'
import { IpValue, ipType, readIp } from './ip.ts'

/** The type of address ranges. */
export const cidrType = opaque('net.CIDR')

/** An address range as a value; bits after the prefix are kept. */
export class CidrValue implements OpaqueValue {
  readonly kind = 'opaque'
  readonly typeName = 'net.CIDR'
  readonly prefix: Prefix

  constructor(prefix: Prefix) {
    this.prefix = prefix
  }

  /** How many bytes the prefix covers. */
  get size(): number {
    return Math.ceil(this.prefix.bits / 8)
  }

  equals(other: CelValue): boolean {
    if (!(other instanceof CidrValue)) throw noSuchOverload()
    return this.prefix.bits === other.prefix.bits && sameAddress(this.prefix.address, other.prefix.address)
  }
}

const conversion = 'network address parse error during conversion from string'

function readCidr(text: string): Prefix {
  const prefix = parse(text)
  if (isIpv4Mapped(prefix.address.bytes)) {
    throw new CelError(`${conversion}: IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
  }
  return prefix
}

/** Upstream says the same twice. */
function parse(text: string): Prefix {
  try {
    return parsePrefix(text)
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new CelError(`${conversion}: ${conversion}: ${error.message}`)
  }
}

function isCidr(text: string): boolean {
  try {
    readCidr(text)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}

const { string, bool, int } = celTypes

function accessor(id: string, result: CelType, read: (prefix: Prefix) => CelValue): Overload {
  return method(id, [cidrType], result, (args) => read(ownAt(args, 0, CidrValue).prefix), nominal)
}

/** Addresses have 4 or 16 bytes; two of them are compared. */
const bytesRead: Range = { min: 4, max: 16 }
const comparison = scaleRange(addRanges(bytesRead, bytesRead), stringTraversalCost)
const masking = addRanges(scaleRange(bytesRead, stringTraversalCost), callCost)

/** Comparing costs two readings of the prefix, masking one more; a text must be read first. */
function containsCosts(other: 'value' | 'text', masks: boolean): CallCosts {
  const least = masks ? addRanges(comparison, masking) : comparison
  return {
    cost: ([cidr, inner]) => {
      const size = sizeOf(cidr)
      const compare = traversal(size + size) + (masks ? traversal(size) + 1 : 0)
      return other === 'text' ? compare + traversal(sizeOf(inner)) : compare
    },
    estimate: (args) => ({
      cost: other === 'text' ? addRanges(least, traversalCost(sizeOfArgument(args, 1))) : least,
    }),
  }
}

type Test = (prefix: Prefix, args: readonly CelValue[]) => boolean

function contains(id: string, other: CelType, costs: CallCosts, test: Test): Overload {
  return method(id, [cidrType, other], bool, (args) => test(ownAt(args, 0, CidrValue).prefix, args), costs)
}

/** Upstream does not tell what is wrong with the text. */
function ipOrNoOverload(text: string): Address {
  try {
    return readIp(text)
  } catch (error) {
    throw error instanceof CelError ? noSuchOverload() : error
  }
}

const containsIp: readonly Overload[] = [
  contains('cidr_contains_ip_string', string, containsCosts('text', false), (prefix, args) =>
    prefixContains(prefix, ipOrNoOverload(stringAt(args, 1))),
  ),
  contains('cidr_contains_ip_ip', ipType, containsCosts('value', false), (prefix, args) =>
    prefixContains(prefix, ownAt(args, 1, IpValue).address),
  ),
]

const containsCidr: readonly Overload[] = [
  contains('cidr_contains_cidr_string', string, containsCosts('text', true), (prefix, args) =>
    prefixIncludes(prefix, readCidr(stringAt(args, 1))),
  ),
  contains('cidr_contains_cidr', cidrType, containsCosts('value', true), (prefix, args) =>
    prefixIncludes(prefix, ownAt(args, 1, CidrValue).prefix),
  ),
]

/** Functions on address ranges. */
export const cidrLibrary: Library = {
  name: 'kubernetes.net.cidr',
  types: [cidrType],
  functions: [
    {
      name: 'cidr',
      overloads: [
        fn('string_to_cidr', [string], cidrType, (args) => new CidrValue(readCidr(stringAt(args, 0))), readsFirst),
      ],
    },
    { name: 'isCIDR', overloads: [fn('is_cidr', [string], bool, (args) => isCidr(stringAt(args, 0)), readsFirst)] },
    { name: 'containsIP', overloads: containsIp },
    { name: 'containsCIDR', overloads: containsCidr },
    { name: 'ip', overloads: [accessor('cidr_ip', ipType, ({ address }) => new IpValue(address))] },
    { name: 'prefixLength', overloads: [accessor('cidr_prefix_length', int, ({ bits }) => BigInt(bits))] },
    {
      name: 'masked',
      overloads: [
        accessor(
          'cidr_masked',
          cidrType,
          ({ address, bits }) => new CidrValue({ address: maskAddress(address, bits), bits }),
        ),
      ],
    },
    {
      name: 'string',
      overloads: [fn('cidr_to_string', [cidrType], string, (args) => formatPrefix(ownAt(args, 0, CidrValue).prefix))],
    },
  ],
}
