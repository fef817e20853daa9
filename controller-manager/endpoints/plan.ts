/** The Endpoints object of a Service, for clients that know no EndpointSlices. Pure. */
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import type { Plan } from '../../client/controller/controller.ts'
import {
  addressesOf,
  belongsInEndpoints,
  hasStableName,
  lastTriggerTime,
  portsOf,
} from '../endpointslice/pod-endpoint.ts'
import { triggerTimeAnnotation } from '../endpointslice/reconcile.ts'
import { isReady } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'

const headlessLabel = 'service.kubernetes.io/headless'
const managedByLabel = 'endpoints.kubernetes.io/managed-by'
const capacityAnnotation = 'endpoints.kubernetes.io/over-capacity'
/** More addresses than this are cut off. */
const maxAddresses = 1_000

/** Everything the decision depends on. A Service that is gone takes its Endpoints along. */
export type Observed = {
  readonly service: Service | undefined
  readonly endpoints: Endpoints | undefined
  readonly pods: readonly Pod[]
}
export type Action =
  | { readonly type: 'create'; readonly service: Service; readonly draft: Draft<'core.v1.Endpoints'> }
  | { readonly type: 'update'; readonly service: Service; readonly endpoints: Endpoints }
  | { readonly type: 'delete'; readonly endpoints: Endpoints }

/** Makes the object say where the pods are. */
export function plan({ service, endpoints, pods }: Observed): Plan<Action> {
  if (service === undefined) return planRemoval(endpoints)
  if (service.spec.selector === undefined || service.spec.type === 'ExternalName') return { actions: [] }
  const all = subsetsOf(service, pods)
  const subsets = truncate(all)
  const labels = labelsOf(service)
  const annotations = annotationsOf(endpoints, isSame(all, subsets))
  const trigger = { [triggerTimeAnnotation]: lastTriggerTime(service, pods) }
  if (endpoints === undefined) {
    const { namespace = '', name } = service.metadata
    const metadata = { name, namespace, labels, annotations: { ...annotations, ...trigger } }
    return { actions: [{ type: 'create', service, draft: { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets } }] }
  }
  const isUnchanged =
    isSame(endpoints.subsets ?? [], subsets) &&
    isSame(endpoints.metadata.labels, labels) &&
    isSame(endpoints.metadata.annotations ?? {}, annotations)
  if (isUnchanged) return { actions: [] }
  const metadata = { ...endpoints.metadata, labels, annotations: { ...annotations, ...trigger } }
  return { actions: [{ type: 'update', service, endpoints: { ...endpoints, metadata, subsets } }] }
}

/** Endpoints that nobody made for a Service (leader election of old, and by hand) are left alone. */
function planRemoval(endpoints: Endpoints | undefined): Plan<Action> {
  const isOurs = endpoints?.metadata.labels?.[managedByLabel] === 'endpoint-controller'
  return { actions: endpoints !== undefined && isOurs ? [{ type: 'delete', endpoints }] : [] }
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...labels } = service.metadata.labels ?? {}
  const isHeadless = service.spec.clusterIP === 'None' || service.spec.clusterIP === ''
  return { ...labels, ...(isHeadless ? { [headlessLabel]: '' } : {}), [managedByLabel]: 'endpoint-controller' }
}

function annotationsOf(endpoints: Endpoints | undefined, isComplete: boolean): Readonly<Record<string, string>> {
  const { [capacityAnnotation]: _, ...annotations } = endpoints?.metadata.annotations ?? {}
  return isComplete ? annotations : { ...annotations, [capacityAnnotation]: 'truncated' }
}

type Held = { readonly address: EndpointAddress; readonly isReady: boolean }

/** Ports that are served by the same addresses share a subset. */
function subsetsOf(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const byPort = new Map<string, { readonly port: EndpointPort | undefined; readonly held: Map<string, Held> }>()
  for (const pod of pods) {
    const held = heldBy(service, pod)
    if (held === undefined) continue
    const isPortless = (service.spec.ports ?? []).length === 0
    for (const port of isPortless ? [undefined] : portsOf(service, pod).map(endpointPort)) {
      const key = JSON.stringify(port ?? null)
      const entry = byPort.get(key) ?? { port, held: new Map<string, Held>() }
      entry.held.set(`${held.address.ip} ${held.address.targetRef?.uid ?? ''}`, held)
      byPort.set(key, entry)
    }
  }
  const subsets = new Map<string, { readonly ports: EndpointPort[]; readonly held: readonly Held[] }>()
  for (const { port, held } of byPort.values()) {
    const sorted = [...held.values()].toSorted((a, b) => compare(a.address.ip, b.address.ip))
    const key = JSON.stringify(sorted)
    const subset = subsets.get(key) ?? { ports: [], held: sorted }
    if (port !== undefined) subset.ports.push(port)
    subsets.set(key, subset)
  }
  return [...subsets].toSorted(([a], [b]) => compare(a, b)).map(([, { ports, held }]) => subsetOf(ports, held))
}

function endpointPort({ name = '', port = 0, protocol = 'TCP', appProtocol }: ReturnType<typeof portsOf>[number]) {
  return {
    ...(name === '' ? {} : { name }),
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }
}

function heldBy(service: Service, pod: Pod): Held | undefined {
  const isTolerant = service.spec.publishNotReadyAddresses === true
  if (!belongsInEndpoints(pod, isTolerant)) return undefined
  const ip = addressesOf(pod, service.spec.ipFamilies?.[0] === 'IPv6' ? 'IPv6' : 'IPv4')[0]
  if (ip === undefined) return undefined
  const { namespace = '', name, uid } = pod.metadata
  const address = {
    ip,
    ...(hasStableName(service, pod) ? { hostname: pod.spec.hostname ?? '' } : {}),
    ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  }
  return { address, isReady: isTolerant || isReady(pod) }
}

function subsetOf(ports: readonly EndpointPort[], held: readonly Held[]): EndpointSubset {
  const addresses = held.filter((entry) => entry.isReady).map(({ address }) => address)
  const notReadyAddresses = held.filter((entry) => !entry.isReady).map(({ address }) => address)
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
    ...(ports.length === 0 ? {} : { ports: ports.toSorted((a, b) => compare(a.name ?? '', b.name ?? '')) }),
  }
}

/** Ready addresses are the last to be cut. */
function truncate(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  const count = (pick: (subset: EndpointSubset) => readonly EndpointAddress[] | undefined) =>
    subsets.reduce((sum, subset) => sum + (pick(subset)?.length ?? 0), 0)
  const ready = count(({ addresses }) => addresses)
  if (ready + count(({ notReadyAddresses }) => notReadyAddresses) <= maxAddresses) return subsets
  let readyLeft = maxAddresses
  let otherLeft = Math.max(0, maxAddresses - ready)
  return subsets.map(({ addresses = [], notReadyAddresses = [], ports }) => {
    const keptReady = addresses.slice(0, readyLeft)
    const keptOther = notReadyAddresses.slice(0, otherLeft)
    readyLeft -= keptReady.length
    otherLeft -= keptOther.length
    return { addresses: keptReady, notReadyAddresses: keptOther, ...(ports === undefined ? {} : { ports }) }
  })
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
