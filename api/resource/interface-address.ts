/** The address of a network device: `10.9.8.7/24`. Source: `IsValidInterfaceAddress`. */
import { formatPrefix, isIpv4Mapped, parsePrefix } from '../../apimachinery/cel/library/address.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import type { Causes } from '../meta/causes.ts'

const mappedBits = 96

/** An address with its prefix, written the one right way. */
export function validateInterfaceAddress(text: string, field: string): Causes {
  const canonical = canonicalAddress(text)
  if (canonical === undefined) {
    return [invalidValue(field, text, 'must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)')]
  }
  return canonical === text ? [] : [invalidValue(field, text, `must be in canonical form ("${canonical}")`)]
}

function canonicalAddress(text: string): string | undefined {
  try {
    const { address, bits } = parsePrefix(withoutZeros(text))
    if (!isIpv4Mapped(address.bytes)) return formatPrefix({ address, bits })
    const plain = { ...address, bytes: address.bytes.slice(12) }
    return formatPrefix({ address: plain, bits: bits > 32 ? bits - mappedBits : bits })
  } catch {
    return undefined
  }
}

/** Upstream reads numbers with zeros in front as the decimal numbers that they look like. */
function withoutZeros(text: string): string {
  return text.includes(':') ? text.replace(/\/0+(?=\d)/, '/') : text.replaceAll(/(?<!\d)0+(?=\d)/g, '')
}
