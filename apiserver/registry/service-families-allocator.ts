/** `ipFamilies` and `ipFamilyPolicy` of a Service on a cluster whose Service range is IPv4 alone. */
import { isIPv4, isIPv6 } from 'node:net'
import type { Service } from '../../api/core/v1.ts'
import { goQuote, invalidValue } from '../../apimachinery/field-errors.ts'
import { invalid, type StatusCause } from '../../apimachinery/status.ts'

const configuredFamily = 'IPv4'

/** Fills in both fields as upstream infers them; throws `Invalid` for wishes that one family cannot meet. */
export function withIpFamilies(service: Service, old: Service | undefined): Service {
  if (service.spec.type === 'ExternalName') return service
  const policy = service.spec.ipFamilyPolicy ?? old?.spec.ipFamilyPolicy ?? defaultPolicy(service)
  const addresses = service.spec.clusterIPs ?? (service.spec.clusterIP ? [service.spec.clusterIP] : [])
  refuseAny(service, manyWithSingleStack(service, policy))
  const inferred = inferFamilies(service, addresses)
  refuseAny(service, inferred.causes)
  const families = inferred.families
  if (isHeadlessWithoutSelector(service)) {
    const first = families[0] ?? configuredFamily
    const both = families.length < 2 && policy !== 'SingleStack' ? [first, otherFamily(first)] : [...families]
    return withFields(service, policy, both.length === 0 ? [first] : both)
  }
  refuseAny(service, notConfigured(policy, families))
  return withFields(service, policy, families.length === 0 ? [configuredFamily] : families)
}

function defaultPolicy(service: Service): string {
  return isHeadlessWithoutSelector(service) ? 'RequireDualStack' : 'SingleStack'
}

function isHeadlessWithoutSelector({ spec }: Service): boolean {
  const isHeadless = spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None'
  return isHeadless && Object.keys(spec.selector ?? {}).length === 0
}

function manyWithSingleStack({ spec }: Service, policy: string): readonly StatusCause[] {
  if (policy !== 'SingleStack') return []
  const must = (field: string): StatusCause =>
    invalidValue(
      'spec.ipFamilyPolicy',
      policy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple '${field}' are specified`,
    )
  return [
    ...((spec.clusterIPs ?? []).length === 2 ? [must('clusterIPs')] : []),
    ...((spec.ipFamilies ?? []).length === 2 ? [must('ipFamilies')] : []),
  ]
}

/** Addresses say their family where the list of families is shorter. */
function inferFamilies(
  { spec }: Service,
  addresses: readonly string[],
): { readonly families: readonly string[]; readonly causes: readonly StatusCause[] } {
  const families = [...(spec.ipFamilies ?? [])]
  const causes: StatusCause[] = []
  for (const [index, address] of addresses.entries()) {
    if (address === 'None' || index < families.length) continue
    const family = isIPv4(address) ? 'IPv4' : isIPv6(address) ? 'IPv6' : undefined
    if (family === undefined) break // malformed: validation says so
    if (family === configuredFamily) families.push(family)
    else {
      const shown = `[${addresses.map(goQuote).join(',')}]`
      const message = `Invalid value: ${shown}: ${family} is not configured on this cluster`
      causes.push({ reason: 'FieldValueInvalid', field: `spec.clusterIPs[${index}]`, message })
    }
  }
  return { families, causes }
}

function notConfigured(policy: string, families: readonly string[]): readonly StatusCause[] {
  const dualStack = invalidValue(
    'spec.ipFamilyPolicy',
    policy,
    'this cluster is not configured for dual-stack services',
  )
  return [
    ...(policy === 'RequireDualStack' ? [dualStack] : []),
    ...families.flatMap((family, index) =>
      family === configuredFamily
        ? []
        : [invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')],
    ),
  ]
}

function otherFamily(family: string): string {
  return family === 'IPv4' ? 'IPv6' : 'IPv4'
}

function withFields(service: Service, ipFamilyPolicy: string, ipFamilies: readonly string[]): Service {
  return { ...service, spec: { ...service.spec, ipFamilyPolicy, ipFamilies } }
}

function refuseAny(service: Service, causes: readonly StatusCause[]): void {
  if (causes.length > 0) throw invalid({ group: '', kind: 'Service' }, service.metadata.name, causes)
}
