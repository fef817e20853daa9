/** Which Services this load balancer serves, and what they ask for. Pure. */
import type { Service } from '../api/core/v1.ts'
import { canonical, type IpFamily } from './pool.ts'

/** Which Services are ours. */
export type Classes = {
  /** The value of `spec.loadBalancerClass` that names us. */
  readonly own: string
  /** Whether Services without a class are ours too. */
  readonly takesUnclassed: boolean
}

/** Keeps a Service until its address is given back. Source: cloud-provider `LoadBalancerCleanupFinalizer`. */
export const finalizer = 'service.kubernetes.io/load-balancer-cleanup'
/** Asks for addresses, one of each family, with commas between them; goes before `spec.loadBalancerIP`. */
export const addressesAnnotation = 'kubets.io/load-balancer-ips'

/** Whether a Service of whatever type would be ours: one of another class is not touched, also not at its end. */
export function isOurClass({ spec }: Service, { own, takesUnclassed }: Classes): boolean {
  return spec.loadBalancerClass === undefined ? takesUnclassed : spec.loadBalancerClass === own
}

/** Whether a Service is to have addresses of ours. */
export function wantsLoadBalancer(service: Service, classes: Classes): boolean {
  return (
    service.spec.type === 'LoadBalancer' &&
    isOurClass(service, classes) &&
    service.metadata.deletionTimestamp === undefined
  )
}

/** The addresses in the status. */
export function statusAddresses({ status }: Service): readonly string[] {
  return (status.loadBalancer?.ingress ?? []).flatMap(({ ip }) => {
    const address = ip === undefined ? undefined : canonical(ip)
    return address === undefined ? [] : [address]
  })
}

/** The addresses asked for, as they were written. */
export function requestedAddresses({ metadata, spec }: Service): readonly string[] {
  const annotated = metadata.annotations?.[addressesAnnotation] ?? ''
  const text = annotated.trim() === '' ? (spec.loadBalancerIP ?? '') : annotated
  return text.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
}

/** The families that the Service has, the first one first. */
export function familiesOf({ spec }: Service): readonly IpFamily[] {
  const families = (spec.ipFamilies ?? []).filter((each): each is IpFamily => each === 'IPv4' || each === 'IPv6')
  return families.length === 0 ? ['IPv4'] : families
}
