/** `cidr('10.0.0.0/8').containsIP('10.1.2.3')`: address ranges of both families. Source: apiserver `pkg/cel/library/cidr.go`. */
import { goQuote } from '../../field-errors.ts'
import { CelError } from '../errors.ts'
import { addRanges, scaleRange } from '../estimate-range.ts'
import { callCost, stringTraversalCost, traversalCost } from '../estimate-standard.ts'
import type { Library, Overload, Range } from '../library.ts'
import { sizeOf } from '../runtime-type.ts'
import { type CelType, celTypes, opaque } from '../types.ts'
import type { CelValue, OpaqueValue } from '../values.ts'
import {
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
    return (
      other instanceof CidrValue &&
      this.prefix.bits === other.prefix.bits &&
      sameAddress(this.prefix.address, other.prefix.address)
    )
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

function contains(
  id: string,
  other: CelType,
  test: (prefix: Prefix, other: CelValue | undefined) => boolean,
): Overload {
  const costs = containsCosts(other === string ? 'text' : 'value', id.includes('contains_cidr'))
  return method(id, [cidrType, other], bool, (args) => test(ownAt(args, 0, CidrValue).prefix, args[1]), costs)
}

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
    {
      name: 'containsIP',
      overloads: [
        contains('cidr_contains_ip_string', string, (prefix, ip) =>
          prefixContains(prefix, readIp(stringAt([ip ?? null], 0))),
        ),
        contains('cidr_contains_ip_ip', ipType, (prefix, ip) =>
          prefixContains(prefix, ownAt([ip ?? null], 0, IpValue).address),
        ),
      ],
    },
    {
      name: 'containsCIDR',
      overloads: [
        contains('cidr_contains_cidr_string', string, (outer, inner) =>
          prefixIncludes(outer, readCidr(stringAt([inner ?? null], 0))),
        ),
        contains('cidr_contains_cidr', cidrType, (outer, inner) =>
          prefixIncludes(outer, ownAt([inner ?? null], 0, CidrValue).prefix),
        ),
      ],
    },
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
