/** The EndpointSlices of a Service: one address family after the other, from the pods that it selects. Pure. */
import type { Node, Pod, Service } from '../../api/core/v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { withHints } from './hints.ts'
import {
  type AddressType,
  addressesOf,
  belongsInEndpoints,
  endpointOf,
  lastTriggerTime,
  portsOf,
} from './pod-endpoint.ts'
import {
  type Group,
  managedByLabel,
  portKey,
  reconcileSlices,
  type SliceChange,
  serviceNameLabel,
} from './reconcile.ts'

export const headlessLabel = 'service.kubernetes.io/headless'
export const controllerName = 'endpointslice-controller.k8s.io'
/** A pod whose node the cache does not know yet is looked at again after this long. */
const unknownNodeRetryMs = 1_000

/** Everything the decision depends on. */
export type Observed = {
  readonly service: Service
  readonly pods: readonly Pod[]
  readonly nodes: ReadonlyMap<string, Node>
  /** Slices of this Service that this controller manages. */
  readonly slices: readonly EndpointSlice[]
  readonly maxPerSlice: number
}

export type Action = SliceChange & { readonly service: Service }

/** Slices of a family that the Service has no more go. */
export function plan(observed: Observed): Plan<Action> {
  const { service, slices, maxPerSlice } = observed
  if (service.spec.selector === undefined || service.spec.type === 'ExternalName') return { actions: [] }
  if (service.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const types = addressTypes(service)
  const orphans = slices.filter(({ addressType }) => !types.some((type) => type === addressType))
  const changes = types.flatMap((addressType) => {
    const existing = slices.filter((slice) => slice.addressType === addressType)
    const triggerTime = lastTriggerTime(service, observed.pods)
    const frame = { owner: service, addressType, labelsOf: labelsOf(service), maxPerSlice, triggerTime }
    return reconcileSlices(frame, existing, groupByPorts(observed, addressType))
  })
  const removals = orphans.map((slice) => ({ type: 'delete' as const, slice }))
  const actions = [...changes, ...removals].map((change) => ({ ...change, service }))
  return hasUnknownNode(observed) ? { actions, requeueAfterMs: unknownNodeRetryMs } : { actions }
}

function addressTypes({ spec }: Service): readonly AddressType[] {
  const families = spec.ipFamilies ?? []
  return families.length === 0 ? ['IPv4'] : families.map((family) => (family === 'IPv6' ? 'IPv6' : 'IPv4'))
}

function isPlaced({ service, nodes }: Observed, pod: Pod): boolean {
  const nodeName = pod.spec.nodeName ?? ''
  return nodeName === '' || nodes.has(nodeName) || service.spec.publishNotReadyAddresses === true
}

function hasUnknownNode(observed: Observed): boolean {
  return observed.pods.some((pod) => belongsInEndpoints(pod, true) && !isPlaced(observed, pod))
}

function groupByPorts(observed: Observed, type: AddressType): ReadonlyMap<string, Group> {
  const { service, pods, nodes } = observed
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>()
  for (const pod of pods) {
    if (!belongsInEndpoints(pod, true) || !isPlaced(observed, pod) || addressesOf(pod, type).length === 0) continue
    const ports = portsOf(service, pod)
    const key = portKey(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    group.endpoints.push(endpointOf(service, pod, nodes.get(pod.spec.nodeName ?? ''), type))
    groups.set(key, group)
  }
  return new Map(
    [...groups].map(([key, { ports, endpoints }]) => [key, { ports, endpoints: withHints(service, endpoints) }]),
  )
}

/** The Service's own labels, and those by which slices are found. Labels that others put on a slice stay. */
function labelsOf(service: Service) {
  return (before: Readonly<Record<string, string>>): Readonly<Record<string, string>> => {
    const { [headlessLabel]: _, ...others } = { ...before, ...service.metadata.labels }
    return {
      ...others,
      ...(service.spec.clusterIP === 'None' || service.spec.clusterIP === '' ? { [headlessLabel]: '' } : {}),
      [serviceNameLabel]: service.metadata.name,
      [managedByLabel]: controllerName,
    }
  }
}
