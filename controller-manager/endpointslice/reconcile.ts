/**
 * Spreads endpoints over slices: existing slices change as little as possible, new endpoints fill the gaps, no slice holds
 * more than the limit. Shared with mirroring. Pure.
 */

import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import type { ApiObject } from '../../api/resource.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { isSame } from '../pod/canonical-json.ts'
import type { AddressType } from './pod-endpoint.ts'

export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const serviceNameLabel = 'kubernetes.io/service-name'
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Endpoints that are reached by the same ports. */
export type Group = { readonly ports: readonly EndpointPort[]; readonly endpoints: readonly Endpoint[] }

/** What all slices of one owner and one address type have in common. */
export type Frame = {
  readonly owner: ApiObject
  readonly addressType: AddressType
  /** The labels of a slice, given those that it has. */
  readonly labelsOf: (before: Readonly<Record<string, string>>) => Readonly<Record<string, string>>
  readonly maxPerSlice: number
  /** When the change happened that makes slices be written; for those who measure how long it takes. */
  readonly triggerTime?: string | undefined
}

export type SliceChange =
  | { readonly type: 'create'; readonly draft: Draft<'discovery.v1.EndpointSlice'> }
  | { readonly type: 'update'; readonly slice: EndpointSlice }
  | { readonly type: 'delete'; readonly slice: EndpointSlice }

/** The changes that make `existing` hold exactly `groups`; without any group one empty slice stays. */
export function reconcileSlices(
  frame: Frame,
  existing: readonly EndpointSlice[],
  groups: ReadonlyMap<string, Group>,
): readonly SliceChange[] {
  const living = existing.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  if (groups.size === 0) return keepOneEmpty(frame, living)
  const unused = living.filter((slice) => !groups.has(portKey(slice.ports)))
  const shares = [...groups].flatMap(([key, group]) => {
    const used = living.filter((slice) => portKey(slice.ports) === key)
    return shareOut(frame.maxPerSlice, group, used)
  })
  return reuse(frame, shares, unused)
}

/** Equal for ports that are the same in any order. */
export function portKey(ports: readonly EndpointPort[] | null | undefined): string {
  const texts = (ports ?? []).map(({ name = '', protocol = 'TCP', port, appProtocol = '' }) =>
    JSON.stringify([name, protocol, port, appProtocol]),
  )
  return texts.toSorted().join()
}

function keepOneEmpty(frame: Frame, existing: readonly EndpointSlice[]): readonly SliceChange[] {
  const [kept, ...rest] = existing.toSorted((a, b) => (a.endpoints ?? []).length - (b.endpoints ?? []).length)
  const empty = { ports: [], endpoints: [] }
  if (kept === undefined) return [{ type: 'create', draft: newSlice(frame, empty) }]
  return [...updateIfChanged(frame, kept, empty), ...rest.map((slice) => ({ type: 'delete' as const, slice }))]
}

/** What a slice should hold; without `slice` a new one. */
type Share = { readonly slice: EndpointSlice | undefined; readonly group: Group }

/** New slices take the place of slices that are used no more, rather than deleting one and creating another. */
function reuse(frame: Frame, shares: readonly Share[], unused: readonly EndpointSlice[]): readonly SliceChange[] {
  const spare = [...unused]
  const changes = shares.flatMap(({ slice: own, group }): readonly SliceChange[] => {
    if (own !== undefined && group.endpoints.length === 0) return [{ type: 'delete', slice: own }]
    const slice = own ?? spare.shift()
    if (slice !== undefined) return updateIfChanged(frame, slice, group)
    return [{ type: 'create', draft: newSlice(frame, group) }]
  })
  return [...changes, ...spare.map((slice) => ({ type: 'delete' as const, slice }))]
}

function shareOut(
  maxPerSlice: number,
  { ports, endpoints }: Group,
  existing: readonly EndpointSlice[],
): readonly Share[] {
  const wanted = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]))
  const kept = existing.map((slice) => ({ slice, endpoints: takeKept(slice, wanted) }))
  const added = [...wanted.values()]
  // Gaps in slices that are there come first; the fullest that has room takes most.
  for (const entry of kept.toSorted((a, b) => b.endpoints.length - a.endpoints.length)) {
    entry.endpoints.push(...added.splice(0, Math.max(0, maxPerSlice - entry.endpoints.length)))
  }
  const shares: Share[] = kept.map(({ slice, endpoints: held }) => ({ slice, group: { ports, endpoints: held } }))
  while (added.length > 0) {
    shares.push({ slice: undefined, group: { ports, endpoints: added.splice(0, maxPerSlice) } })
  }
  return shares
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

function updateIfChanged(frame: Frame, slice: EndpointSlice, { ports, endpoints }: Group): readonly SliceChange[] {
  const labels = frame.labelsOf(slice.metadata.labels ?? {})
  const ownerReferences = [controllerReference(frame.owner)]
  const annotations = { ...slice.metadata.annotations, ...triggerAnnotation(frame) }
  const metadata = { ...slice.metadata, labels, ownerReferences, annotations }
  const next: EndpointSlice = { ...slice, metadata, endpoints, ports }
  const isUnchanged =
    isSame(slice.metadata.labels, labels) &&
    isSame(slice.metadata.ownerReferences, ownerReferences) &&
    isSame(slice.endpoints ?? [], endpoints) &&
    portKey(slice.ports) === portKey(ports)
  return isUnchanged ? [] : [{ type: 'update', slice: next }]
}

function triggerAnnotation({ triggerTime }: Frame): Readonly<Record<string, string>> {
  return triggerTime === undefined ? {} : { [triggerTimeAnnotation]: triggerTime }
}

function newSlice(frame: Frame, group: Group): Draft<'discovery.v1.EndpointSlice'> {
  const { owner, addressType, labelsOf } = frame
  const annotations = triggerAnnotation(frame)
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace ?? '',
      labels: labelsOf({}),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ownerReferences: [controllerReference(owner)],
    },
    addressType,
    endpoints: group.endpoints,
    ports: group.ports,
  }
}
