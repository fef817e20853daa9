/**
 * `ipFamilies` and `ipFamilyPolicy` of a Service, from what it says and what the cluster has ranges of. Nothing is added or taken
 * away but by a policy that says so: a cluster that becomes dual-stack changes no Service. Pure. Source: `initIPFamilyFields`.
 */
import { isHeadless, validateServiceAddresses } from '../../api/core/service-addresses.ts'
import type { Service, ServiceSpec } from '../../api/core/v1.ts'
import { sameJson } from '../../api/meta/causes.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { invalid, type StatusCause } from '../../apimachinery/status.ts'
import { familyOf, type IpFamily } from './service-cidrs.ts'

/** Fills in both fields as upstream infers them; throws `Invalid` for wishes that the cluster cannot meet. */
export function withIpFamilies(service: Service, old: Service | undefined, configured: readonly IpFamily[]): Service {
  if (service.spec.type === 'ExternalName' || isSettled(service.spec, old?.spec)) return service
  const ipFamilyPolicy = service.spec.ipFamilyPolicy ?? old?.spec.ipFamilyPolicy ?? defaultPolicy(service.spec)
  const spec = { ...service.spec, ipFamilyPolicy }
  refuseAny(service, validateServiceAddresses(spec, old?.spec))
  const released = old === undefined ? { spec, causes: [] } : releaseSecond(spec, old.spec)
  const inferred = inferFamilies(released.spec, configured)
  refuseAny(service, [...released.causes, ...manyWithSingleStack(released.spec), ...inferred.causes])
  const next = { ...released.spec, ipFamilies: inferred.families }
  if (next.clusterIP === 'None' && hasNoSelector(next)) return { ...service, spec: withBothFamilies(next, configured) }
  refuseAny(service, notConfigured(next, configured))
  return { ...service, spec: withConfiguredFamilies(next, configured) }
}

type WithFamilies = ServiceSpec & { readonly ipFamilyPolicy: string; readonly ipFamilies: readonly string[] }

/** What prefers two and was given what there was keeps it. Source: `isMatchingPreferDualStackClusterIPFields`. */
export function isSettled(spec: ServiceSpec, old: ServiceSpec | undefined): boolean {
  return (
    old !== undefined &&
    spec.ipFamilyPolicy === 'PreferDualStack' &&
    (old.ipFamilyPolicy ?? 'PreferDualStack') === 'PreferDualStack' &&
    spec.type === old.type &&
    sameList(spec.clusterIPs, old.clusterIPs) &&
    sameList(spec.ipFamilies, old.ipFamilies)
  )
}

function sameList(a: readonly string[] = [], b: readonly string[] = []): boolean {
  return sameJson(a, b)
}

function defaultPolicy(spec: ServiceSpec): string {
  return spec.clusterIP === 'None' && hasNoSelector(spec) ? 'RequireDualStack' : 'SingleStack'
}

function hasNoSelector({ selector }: ServiceSpec): boolean {
  return Object.keys(selector ?? {}).length === 0
}

/** A change to `SingleStack` alone says that the second address and family are to go; anything else may not drop them. */
function releaseSecond<Spec extends ServiceSpec>(
  spec: Spec,
  old: ServiceSpec,
): { readonly spec: Spec; readonly causes: readonly StatusCause[] } {
  const { clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec
  if (ipFamilyPolicy === 'SingleStack') {
    const isToShrink = (now: readonly string[], before: readonly string[] | undefined) =>
      now.length > 1 && sameList(now, before)
    return {
      spec: {
        ...spec,
        ...(isToShrink(clusterIPs, old.clusterIPs) ? { clusterIPs: clusterIPs.slice(0, 1) } : {}),
        ...(isToShrink(ipFamilies, old.ipFamilies) ? { ipFamilies: ipFamilies.slice(0, 1) } : {}),
      },
      causes: [],
    }
  }
  const must = (what: string) =>
    invalidValue('spec.ipFamilyPolicy', ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`)
  const isReduced = (now: readonly string[], before: readonly string[] = []) =>
    now.length > 0 && now.length < before.length
  return {
    spec,
    causes: [
      ...(isReduced(clusterIPs, old.clusterIPs) ? [must('cluster IP')] : []),
      ...(isReduced(ipFamilies, old.ipFamilies) ? [must('IP family')] : []),
    ],
  }
}

function manyWithSingleStack({ ipFamilyPolicy, clusterIPs, ipFamilies }: ServiceSpec): readonly StatusCause[] {
  if (ipFamilyPolicy !== 'SingleStack') return []
  const must = (what: string): StatusCause =>
    invalidValue(
      'spec.ipFamilyPolicy',
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    )
  return [
    ...(clusterIPs?.length === 2 ? [must('cluster IPs')] : []),
    ...(ipFamilies?.length === 2 ? [must('IP families')] : []),
  ]
}

/** Addresses say their family where the list of families is shorter. */
function inferFamilies(
  spec: ServiceSpec,
  configured: readonly IpFamily[],
): { readonly families: readonly string[]; readonly causes: readonly StatusCause[] } {
  const { ipFamilies = [], clusterIPs = [] } = spec
  if (isHeadless(spec)) return { families: ipFamilies, causes: [] }
  const missing = clusterIPs.slice(ipFamilies.length).map((address, at) => {
    const family = familyOf(address)
    const path = `spec.clusterIPs[${ipFamilies.length + at}]`
    return configured.includes(family)
      ? { family }
      : { cause: invalidValue(path, clusterIPs, `${family} is not configured on this cluster`) }
  })
  return {
    families: [...ipFamilies, ...missing.flatMap(({ family }) => family ?? [])],
    causes: missing.flatMap(({ cause }) => cause ?? []),
  }
}

function notConfigured(spec: WithFamilies, configured: readonly IpFamily[]): readonly StatusCause[] {
  const { ipFamilyPolicy, ipFamilies } = spec
  const isTooMuch = ipFamilyPolicy === 'RequireDualStack' && configured.length < 2
  const dualStack = 'this cluster is not configured for dual-stack services'
  return [
    ...(isTooMuch ? [invalidValue('spec.ipFamilyPolicy', ipFamilyPolicy, dualStack)] : []),
    ...ipFamilies.flatMap((family, index) =>
      configured.some((one) => one === family)
        ? []
        : [invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster')],
    ),
  ]
}

/** Nobody knows what endpoints a headless Service without a selector will have: it may have both on any cluster. */
function withBothFamilies(spec: WithFamilies, [primary = 'IPv4']: readonly IpFamily[]): ServiceSpec {
  const { ipFamilies, ipFamilyPolicy } = spec
  const first = ipFamilies[0] ?? primary
  const isToGrow = ipFamilies.length < 2 && ipFamilyPolicy !== 'SingleStack'
  const kept = ipFamilies.length === 0 ? [first] : ipFamilies
  return { ...spec, ipFamilies: isToGrow ? [first, otherFamily(first)] : kept }
}

function withConfiguredFamilies(spec: WithFamilies, configured: readonly IpFamily[]): ServiceSpec {
  const { ipFamilies, ipFamilyPolicy } = spec
  const first = ipFamilies[0] ?? configured[0] ?? 'IPv4'
  const isToGrow = ipFamilyPolicy !== 'SingleStack' && ipFamilies.length < 2 && configured.length === 2
  const kept = ipFamilies.length === 0 ? [first] : ipFamilies
  return { ...spec, ipFamilies: isToGrow ? [first, otherFamily(first)] : kept }
}

function otherFamily(family: string): string {
  return family === 'IPv4' ? 'IPv6' : 'IPv4'
}

function refuseAny(service: Service, causes: readonly StatusCause[]): void {
  if (causes.length > 0) throw invalid({ group: '', kind: 'Service' }, service.metadata.name, causes)
}
