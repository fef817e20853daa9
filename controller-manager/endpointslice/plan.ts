/**
 * Keeps the EndpointSlices of a Service: existing slices change as little as possible, new endpoints fill the gaps, and no
 * slice holds more than the limit. Pure.
 */
import type { Node, Pod, Service } from '../../api/core/v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isSame } from '../pod/canonical-json.ts'
import { withHints } from './hints.ts'
import { type AddressType, addressesOf, belongsInEndpoints, endpointOf, portsOf } from './pod-endpoint.ts'

export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const serviceNameLabel = 'kubernetes.io/service-name'
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

export type Action =
  | { readonly type: 'create'; readonly service: Service; readonly draft: Draft<'discovery.v1.EndpointSlice'> }
  | { readonly type: 'update'; readonly service: Service; readonly slice: EndpointSlice }
  | { readonly type: 'delete'; readonly service: Service; readonly slice: EndpointSlice }

/** Endpoints that are reached by the same ports. */
type Group = { readonly ports: readonly EndpointPort[]; readonly endpoints: readonly Endpoint[] }

/** One address family after the other; slices of a family that the Service has no more go. */
export function plan(observed: Observed): Plan<Action> {
  const { service, slices } = observed
  if (service.spec.selector === undefined || service.spec.type === 'ExternalName') return { actions: [] }
  if (service.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const types = addressTypes(service)
  const orphans = slices.filter(({ addressType }) => !types.some((type) => type === addressType))
  const actions = [
    ...types.flatMap((type) => planType(observed, type)),
    ...orphans.map((slice) => ({ type: 'delete' as const, service, slice })),
  ]
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

function planType(observed: Observed, type: AddressType): readonly Action[] {
  const existing = observed.slices.filter(
    ({ addressType, metadata }) => addressType === type && metadata.deletionTimestamp === undefined,
  )
  const groups = groupByPorts(observed, type)
  if (groups.size === 0) return planEmpty(observed, type, existing)
  const unused = existing.filter((slice) => !groups.has(portKey(slice.ports)))
  const changes = [...groups].flatMap(([key, group]) => {
    const used = existing.filter((slice) => portKey(slice.ports) === key)
    return planGroup(observed.maxPerSlice, group, used)
  })
  return reuse(observed, type, changes, unused)
}

/** A Service without endpoints has one empty slice. */
function planEmpty({ service }: Observed, type: AddressType, existing: readonly EndpointSlice[]): readonly Action[] {
  const [kept, ...rest] = existing.toSorted((a, b) => (a.endpoints ?? []).length - (b.endpoints ?? []).length)
  const removals = rest.map((slice) => ({ type: 'delete' as const, service, slice }))
  if (kept === undefined)
    return [{ type: 'create', service, draft: newSlice(service, type, { ports: [], endpoints: [] }) }]
  return [...updateIfChanged(service, kept, { ports: [], endpoints: [] }), ...removals]
}

/** New slices take the place of slices that are used no more, rather than deleting one and creating another. */
function reuse(
  { service }: Observed,
  type: AddressType,
  changes: readonly Change[],
  unused: readonly EndpointSlice[],
): readonly Action[] {
  const spare = [...unused]
  const actions = changes.flatMap((change): readonly Action[] => {
    if (change.slice !== undefined && change.group.endpoints.length === 0) {
      return [{ type: 'delete', service, slice: change.slice }]
    }
    const slice = change.slice ?? spare.shift()
    if (slice !== undefined) return updateIfChanged(service, slice, change.group)
    return [{ type: 'create', service, draft: newSlice(service, type, change.group) }]
  })
  return [...actions, ...spare.map((slice) => ({ type: 'delete' as const, service, slice }))]
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
  for (const [key, { ports, endpoints }] of groups) {
    groups.set(key, { ports, endpoints: [...withHints(service, endpoints)] })
  }
  return groups
}

function portKey(ports: readonly EndpointPort[] | undefined): string {
  const texts = (ports ?? []).map(({ name = '', protocol = 'TCP', port, appProtocol = '' }) =>
    JSON.stringify([name, protocol, port, appProtocol]),
  )
  return texts.toSorted().join()
}

/** What a slice should hold; without `slice` a new one. */
type Change = { readonly slice: EndpointSlice | undefined; readonly group: Group }

function planGroup(
  maxPerSlice: number,
  { ports, endpoints }: Group,
  existing: readonly EndpointSlice[],
): readonly Change[] {
  const wanted = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]))
  const kept = existing.map((slice) => ({ slice, endpoints: takeKept(slice, wanted) }))
  const added = [...wanted.values()]
  // Gaps in slices that are there come first; the fullest that has room takes most.
  for (const entry of kept.toSorted((a, b) => b.endpoints.length - a.endpoints.length)) {
    entry.endpoints.push(...added.splice(0, Math.max(0, maxPerSlice - entry.endpoints.length)))
  }
  const changes: Change[] = kept.map(({ slice, endpoints: held }) => ({ slice, group: { ports, endpoints: held } }))
  while (added.length > 0) {
    changes.push({ slice: undefined, group: { ports, endpoints: added.splice(0, maxPerSlice) } })
  }
  return changes
}

/** Moves the endpoints that a slice holds already from `wanted` into the answer, in their newest form. */
function takeKept(slice: EndpointSlice, wanted: Map<string, Endpoint>): Endpoint[] {
  return (slice.endpoints ?? []).flatMap((old) => {
    const key = endpointKey(old)
    const fresh = wanted.get(key)
    wanted.delete(key)
    return fresh === undefined ? [] : [fresh]
  })
}

function endpointKey({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid ?? ''} ${addresses.toSorted().join()}`
}

function updateIfChanged(service: Service, slice: EndpointSlice, { ports, endpoints }: Group): readonly Action[] {
  const labels = labelsOf(service, slice.metadata.labels ?? {})
  const ownerReferences = [controllerReference(service)]
  const next: EndpointSlice = { ...slice, metadata: { ...slice.metadata, labels, ownerReferences }, endpoints, ports }
  const isUnchanged =
    isSame(slice.metadata.labels, labels) &&
    isSame(slice.metadata.ownerReferences, ownerReferences) &&
    isSame(slice.endpoints ?? [], endpoints) &&
    portKey(slice.ports) === portKey(ports)
  return isUnchanged ? [] : [{ type: 'update', service, slice: next }]
}

function newSlice(service: Service, addressType: AddressType, group: Group): Draft<'discovery.v1.EndpointSlice'> {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${service.metadata.name}-`,
      namespace: service.metadata.namespace ?? '',
      labels: labelsOf(service, {}),
      ownerReferences: [controllerReference(service)],
    },
    addressType,
    endpoints: group.endpoints,
    ports: group.ports,
  }
}

/** The Service's own labels, and those by which slices are found. Labels that others put on a slice stay. */
function labelsOf(service: Service, before: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...others } = { ...before, ...service.metadata.labels }
  return {
    ...others,
    ...(service.spec.clusterIP === 'None' || service.spec.clusterIP === '' ? { [headlessLabel]: '' } : {}),
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: controllerName,
  }
}
