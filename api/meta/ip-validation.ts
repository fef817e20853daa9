/**
 * Addresses and ranges as validation reads them: the parser is as lenient as Go's once was, so that what it should not have
 * accepted is told by name. Source: apimachinery `util/validation/ip.go`, k8s.io/utils `ParseIPSloppy`.
 */
import {
  type Address,
  formatAddress,
  formatPrefix,
  isIpv4Mapped,
  maskAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
  sameAddress,
} from '../../apimachinery/cel/library/address.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'
import { type Causes, invalidValues } from './causes.ts'

/** An address in a field from before strict validation: any spelling of IPv6, but nothing that readers take for two addresses. */
export function validateLegacyIp(field: string, value: string): Causes {
  return invalidValues(field, value, legacyIpMessages(value))
}

/** An address in its one spelling. */
export function validateIp(field: string, value: string): Causes {
  return invalidValues(field, value, isCanonicalIp(value))
}

/** A range in a field from before strict validation. Source: `IsValidCIDRForLegacyField`. */
export function validateLegacyCidr(field: string, value: string): Causes {
  return invalidValues(field, value, legacyCidrMessages(value))
}

/** A range in its one spelling. Source: `IsValidCIDR`. */
export function validateCidr(field: string, value: string): Causes {
  return invalidValues(
    field,
    value,
    canonically(value, legacyCidrMessages(value), () => formatPrefix(parsePrefix(value))),
  )
}

/** The messages of `validateIp`, for names. Source: `IsValidIP`. */
export function isCanonicalIp(value: string): readonly string[] {
  return canonically(value, legacyIpMessages(value), () => formatAddress(parseAddress(value)))
}

function legacyIpMessages(value: string): readonly string[] {
  const address = lenientAddress(value)
  if (address === undefined) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']
  if (!isParsed(() => parseAddress(value))) return ['must not have leading 0s']
  return isIpv4Mapped(address.bytes) ? ['must not be an IPv4-mapped IPv6 address'] : []
}

function legacyCidrMessages(value: string): readonly string[] {
  const prefix = lenientPrefix(value)
  if (prefix === undefined) return ['must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)']
  if (!isParsed(() => parsePrefix(value))) return ['must not have leading 0s in IP or prefix length']
  const { address, bits } = prefix
  if (isIpv4Mapped(address.bytes)) return ['must not have an IPv4-mapped IPv6 address']
  return sameAddress(address, maskAddress(address, bits)) ? [] : ['must not have bits set beyond the prefix length']
}

function canonically(value: string, messages: readonly string[], format: () => string): readonly string[] {
  if (messages.length > 0) return messages
  const standard = format()
  return standard === value ? [] : [`must be in canonical form (${goQuote(standard)})`]
}

/** An address with zeros in front of its octets, perhaps; zones are not read. */
export function lenientAddress(text: string): Address | undefined {
  const address = attempt(() => parseAddress(withoutLeadingZeros(text)))
  return address === undefined || address.zone !== '' ? undefined : address
}

/** A range with zeros in front of its numbers, perhaps. */
export function lenientPrefix(text: string): Prefix | undefined {
  const [, address = '', bits = ''] = /^([^/]*)\/0*(\d+)$/.exec(text) ?? []
  return attempt(() => parsePrefix(`${withoutLeadingZeros(address)}/${bits}`))
}

/** Of the dotted part only: groups of IPv6 may begin with zeros. */
function withoutLeadingZeros(text: string): string {
  const start = text.lastIndexOf(':') + 1
  const end = text.slice(start)
  return end.includes('.') ? `${text.slice(0, start)}${end.replace(/(^|\.)0+(?=\d)/g, '$1')}` : text
}

function isParsed(parse: () => unknown): boolean {
  return attempt(parse) !== undefined
}

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
