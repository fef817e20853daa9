/**
 * Rules of a Service's addresses and families: two of each at most, one of a family, and how an update may add or take away the
 * second. Source: `ValidateServiceClusterIPsRelatedFields`, `validateUpgradeDowngradeClusterIPs`, `…IPFamilies`.
 */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { type Causes, each, oneOf, repeats, when } from '../meta/causes.ts'
import { lenientAddress, validateLegacyIp } from '../meta/ip-validation.ts'
import type { ServiceSpec } from './v1.ts'

const policies = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
const families = ['IPv4', 'IPv6']

/** Whether a Service does without an address of its own. */
export function isHeadless({ clusterIPs }: ServiceSpec): boolean {
  return clusterIPs?.length === 1 && clusterIPs[0] === 'None'
}

/** What is wrong with addresses, families and policy of one Service. `old` may hold addresses that older rules let in. */
export function validateServiceAddresses(spec: ServiceSpec, old?: ServiceSpec): Causes {
  const { type, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec
  if (type === 'ExternalName') return []
  const addresses = each('spec.clusterIPs', clusterIPs, (ip, path, index) => {
    if (ip !== 'None' || index > 0) return (old?.clusterIPs ?? []).includes(ip) ? [] : validateLegacyIp(path, ip)
    return when(clusterIPs.length > 1, () => addressesInvalid(clusterIPs, "'None' must be the first and only value"))
  })
  return [
    ...validateMirror(spec),
    ...each('spec.ipFamilies', ipFamilies, (family, path) => oneOf(path, family, families)),
    ...repeats(ipFamilies).map((index) => duplicate(`spec.ipFamilies[${index}]`, ipFamilies[index])),
    ...(ipFamilyPolicy === undefined ? [] : oneOf('spec.ipFamilyPolicy', ipFamilyPolicy, policies)),
    ...addresses,
    ...when(clusterIPs.length > 2, () => addressesInvalid(clusterIPs, 'may only hold up to 2 values')),
    // Further messages about addresses that are none would mislead.
    ...(addresses.length > 0 ? [] : validatePairing(spec)),
  ]
}

function addressesInvalid(clusterIPs: readonly string[], detail: string) {
  return invalidValue('spec.clusterIPs', clusterIPs, detail)
}

/** The field of old clients says what the first of the list says. */
function validateMirror({ clusterIP = '', clusterIPs = [] }: ServiceSpec): Causes {
  if (clusterIP === '') {
    return when(clusterIPs.length > 0, () =>
      addressesInvalid(clusterIPs, 'must be empty when `clusterIP` is not specified'),
    )
  }
  if (clusterIPs.length === 0) return [required('spec.clusterIPs')]
  return when(clusterIPs[0] !== clusterIP, () => addressesInvalid(clusterIPs, 'first value must match `clusterIP`'))
}

function validatePairing(spec: ServiceSpec): Causes {
  const { clusterIPs = [], ipFamilies = [] } = spec
  return [
    ...when(clusterIPs.length > 1 && !isPair(clusterIPs), () =>
      addressesInvalid(clusterIPs, 'may specify no more than one IP for each IP family'),
    ),
    ...(isHeadless(spec) ? [] : clusterIPs).flatMap((ip, index) => {
      const family = ipFamilies[index]
      const isOther = family === 'IPv4' ? isIpv6(ip) : family === 'IPv6' && !isIpv6(ip)
      return when(isOther, () =>
        invalidValue(
          `spec.clusterIPs[${index}]`,
          ip,
          `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
        ),
      )
    }),
  ]
}

/** Both families among the addresses, however many there are. */
function isPair(addresses: readonly string[]): boolean {
  return addresses.some(isIpv6) && !addresses.every(isIpv6)
}

function isIpv6(ip: string): boolean {
  return lenientAddress(ip)?.bytes.length === 16
}

/** What an update may not do to addresses and families. */
export function validateAddressChange(spec: ServiceSpec, old: ServiceSpec): Causes {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return []
  return [...validateIpsChange(spec, old), ...validateFamiliesChange(spec, old)]
}

function validateIpsChange(spec: ServiceSpec, old: ServiceSpec): Causes {
  if (isHeadless(spec) && isHeadless(old)) return []
  const { clusterIPs: now = [] } = spec
  const { clusterIPs: before = [] } = old
  const changed = (index: number) => invalidValue(`spec.clusterIPs[${index}]`, nullWhenEmpty(now), onceSet)
  if (before.length === now.length) {
    return before.flatMap((ip, index) => when(ip !== now[index], () => changed(index)))
  }
  const isOtherPrimary = before.length > 0 && now.length > 0 && now[0] !== before[0]
  return [
    ...when(now.length === 0, () => invalidValue('spec.clusterIPs[0]', null, 'primary clusterIP can not be unset')),
    ...when(isOtherPrimary, () => changed(0)),
    ...when(before.length > now.length && now.length === 1 && isKept(spec), () => notReleased(spec, 'clusterIP')),
  ]
}

/** As upstream, an error about the first family shows the addresses. */
function validateFamiliesChange(spec: ServiceSpec, old: ServiceSpec): Causes {
  if (isHeadless(spec) || isHeadless(old)) return []
  const { ipFamilies: now = [], clusterIPs = [] } = spec
  const { ipFamilies: before = [] } = old
  const about = (value: readonly string[], detail: string) =>
    invalidValue('spec.ipFamilies[0]', nullWhenEmpty(value), detail)
  if (before.length === now.length) {
    return before.flatMap((family, index) => when(family !== now[index], () => about(now, onceSet)))
  }
  const isOtherPrimary = before.length > 0 && now.length > 0 && now[0] !== before[0]
  const isFewer = before.length > now.length
  return [
    ...when(isFewer && clusterIPs.length === 0, () => about(now, 'primary ipFamily can not be unset')),
    ...when(isOtherPrimary, () => about(clusterIPs, onceSet)),
    ...when(isFewer && now.length === 1 && isKept(spec), () => notReleased(spec, 'ipFamily')),
  ]
}

const onceSet = 'may not change once set'

/** The second one goes only by a policy that says so. */
function isKept({ ipFamilyPolicy }: ServiceSpec): boolean {
  return ipFamilyPolicy !== 'SingleStack'
}

function notReleased({ ipFamilyPolicy }: ServiceSpec, what: string) {
  const detail = `must be set to 'SingleStack' when releasing the secondary ${what}`
  return invalidValue('spec.ipFamilyPolicy', ipFamilyPolicy ?? null, detail)
}

/** Go's nil slice is shown as null. */
function nullWhenEmpty(values: readonly string[]): readonly string[] | null {
  return values.length === 0 ? null : values
}
