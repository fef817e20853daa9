/** EndpointSlices for Endpoints that a user made for a Service without a selector. Pure. */
import { isIP } from 'node:net'
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../api/core/v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import type { AddressType } from '../endpointslice/pod-endpoint.ts'
import {
  type Group,
  managedByLabel,
  portKey,
  reconcileSlices,
  type SliceChange,
  serviceNameLabel,
} from '../endpointslice/reconcile.ts'

export const controllerName = 'endpointslicemirroring-controller.k8s.io'
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror'
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'
/** Addresses of one subset that are mirrored. */
const maxPerSubset = 1_000
const families: readonly AddressType[] = ['IPv4', 'IPv6']

/** Everything the decision depends on. */
export type Observed = {
  readonly endpoints: Endpoints | undefined
  readonly service: Service | undefined
  /** Slices that mirror these Endpoints. */
  readonly slices: readonly EndpointSlice[]
  readonly maxPerSlice: number
}
export type Action = SliceChange

/** Without Endpoints to mirror their slices go. */
export function plan({ endpoints, service, slices, maxPerSlice }: Observed): Plan<Action> {
  if (endpoints === undefined || service === undefined || !isMirrored(endpoints, service)) {
    return { actions: slices.map((slice) => ({ type: 'delete', slice })) }
  }
  const actions = families.flatMap((addressType) => {
    const existing = slices.filter((slice) => slice.addressType === addressType)
    const groups = groupsOf(endpoints.subsets ?? [], addressType)
    if (groups.size === 0) return existing.map((slice) => ({ type: 'delete' as const, slice }))
    const frame = { owner: endpoints, addressType, labelsOf: () => labelsOf(endpoints), maxPerSlice }
    return reconcileSlices(frame, existing, groups)
  })
  return { actions }
}

function isMirrored({ metadata }: Endpoints, { spec }: Service): boolean {
  const isSkipped = metadata.labels?.[skipLabel] === 'true' || metadata.annotations?.[leaderAnnotation] !== undefined
  return !isSkipped && spec.selector === undefined && metadata.deletionTimestamp === undefined
}

function groupsOf(subsets: readonly EndpointSubset[], type: AddressType): ReadonlyMap<string, Group> {
  const groups = new Map<string, { readonly ports: readonly EndpointPort[]; readonly endpoints: readonly Endpoint[] }>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const all = [
      ...addresses.map((address) => endpointOf(address, true)),
      ...notReadyAddresses.map((address) => endpointOf(address, false)),
    ].slice(0, maxPerSubset)
    const endpoints = all.filter((endpoint) => isIP(endpoint.addresses[0] ?? '') === (type === 'IPv4' ? 4 : 6))
    if (endpoints.length === 0) continue
    const slicePorts = ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }))
    const key = portKey(slicePorts)
    const before = groups.get(key)?.endpoints ?? []
    groups.set(key, { ports: slicePorts, endpoints: [...before, ...endpoints] })
  }
  return groups
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  }
}

function labelsOf({ metadata }: Endpoints): Readonly<Record<string, string>> {
  return { ...metadata.labels, [serviceNameLabel]: metadata.name, [managedByLabel]: controllerName }
}
