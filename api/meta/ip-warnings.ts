/** Addresses and ranges that are valid and yet not written as they should be. Source: `GetWarningsForIP`, `GetWarningsForCIDR`. */
import {
  type Address,
  formatAddress,
  formatPrefix,
  isIpv4Mapped,
  maskAddress,
  parseAddress,
  parsePrefix,
  sameAddress,
} from '../../apimachinery/cel/library/address.ts'

/** Warnings for one address that validation has let through. */
export function ipWarnings(value: string, field: string): readonly string[] {
  const address = parsed(() => parseAddress(value))
  if (address === undefined) return []
  if (isIpv4Mapped(address.bytes)) {
    const plain = formatAddress({ bytes: address.bytes.slice(12), zone: '' })
    return [`${field}: non-standard IP address "${value}" is invalid: use "${plain}"`]
  }
  const standard = formatAddress(address)
  return isVersion6(address) && standard !== value
    ? [`${field}: IPv6 address "${value}" should be in RFC 5952 canonical format ("${standard}")`]
    : []
}

/** Warnings for one range. */
export function cidrWarnings(value: string, field: string): readonly string[] {
  const prefix = parsed(() => parsePrefix(value))
  if (prefix === undefined) return []
  const { address, bits } = prefix
  const network = { address: maskAddress(address, bits), bits }
  if (!sameAddress(network.address, address)) {
    const single = `${formatAddress(address)}/${address.bytes.length * 8}`
    return [
      `${field}: CIDR value "${value}" is ambiguous in this context (should be "${formatPrefix(network)}" or "${single}"?)`,
    ]
  }
  return isVersion6(address) && formatPrefix(prefix) !== value
    ? [`${field}: IPv6 CIDR value "${value}" should be in RFC 5952 canonical format ("${formatPrefix(prefix)}")`]
    : []
}

function isVersion6({ bytes }: Address): boolean {
  return bytes.length > 4
}

function parsed<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}
