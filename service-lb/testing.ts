/** Objects for tests, with what the load balancer does not look at left out. */
import type { Node, Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import { type Pool, parseRange } from './pool.ts'
import { finalizer } from './services.ts'

export const ownClass = 'kubets.io/service-lb'
export const classes = { own: ownClass, takesUnclassed: true }

/** Reads ranges; a wrong one is a mistake in the test. */
export function poolOf(...texts: readonly string[]): Pool {
  return texts.map((text) => {
    const range = parseRange(text)
    if (range === undefined) throw new TypeError(`no range: ${text}`)
    return range
  })
}

export type ServiceFacts = {
  readonly spec?: Partial<Service['spec']>
  readonly annotations?: Readonly<Record<string, string>>
  /** Addresses in the status. */
  readonly has?: readonly string[]
  readonly isHeld?: boolean
  readonly isDeleted?: boolean
  readonly created?: string
}

/** A Service of type LoadBalancer. */
export function service(name: string, facts: ServiceFacts = {}): Service {
  const {
    spec = {},
    annotations,
    has = [],
    isHeld = has.length > 0,
    isDeleted = false,
    created = '2026-01-01T00:00:00Z',
  } = facts
  const ingress = has.map((ip) => ({ ip, ipMode: 'VIP' }))
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: created,
      ...(annotations === undefined ? {} : { annotations }),
      ...(isHeld ? { finalizers: [finalizer] } : {}),
      ...(isDeleted ? { deletionTimestamp: '2026-01-02T00:00:00Z' } : {}),
    },
    spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack', ...spec },
    status: { loadBalancer: has.length === 0 ? {} : { ingress } },
    // A test's object has what the code under test reads, not every field that the server fills in.
  } as unknown as Service
}

/** A node that is ready unless told otherwise. */
export function node(
  name: string,
  facts: { readonly ready?: string; readonly labels?: Readonly<Record<string, string>>; readonly taint?: string } = {},
): Node {
  const { ready = 'True', labels = {}, taint } = facts
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels },
    spec: taint === undefined ? {} : { taints: [{ key: taint, effect: 'NoSchedule' }] },
    status: { conditions: [{ type: 'Ready', status: ready }] },
    // As above.
  } as unknown as Node
}

/** A slice with one endpoint on each of these nodes. */
export function slice(
  of: string,
  endpoints: Readonly<
    Record<string, { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean }>
  >,
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${of}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv4',
    endpoints: Object.entries(endpoints).map(([nodeName, conditions]) => ({
      addresses: ['10.0.0.1'],
      nodeName,
      conditions,
    })),
    // As above.
  } as unknown as EndpointSlice
}
