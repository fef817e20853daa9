/** The cluster as the informers' caches show it. */
import type { Namespace, Pod, Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { matches } from '../../apimachinery/selector/labels.ts'
import { createInformer, type Informer, type InformerOptions } from '../../client/cache/informer.ts'
import { endpointSlices, namespaces, pods, services } from '../../client/rest/resource-refs.ts'
import { aborted, runAll } from '../../component-base/run.ts'
import {
  type ClusterView,
  type EndpointView,
  endpointLabel,
  type PortName,
  type ServiceKey,
  type ServiceView,
  type ViewOptions,
} from './view.ts'

/** A view that is kept up to date. */
export type Cluster = {
  readonly view: (options: ViewOptions) => ClusterView
  readonly run: (signal: AbortSignal) => Promise<void>
  readonly isSynced: () => boolean
  /** Called after every change. */
  readonly onChange: (listener: () => void) => void
  /** Unix milliseconds of the last change. */
  readonly changedMs: () => number
  /** Pods cost memory: they are watched from the moment that somebody needs them. */
  readonly watchPods: () => void
}

type Options = Pick<InformerOptions<never, never>, 'client' | 'clock' | 'logger'> & {
  /** Told how long a change of a headless Service's endpoints took to arrive. */
  readonly observeProgramming: (seconds: number) => void
}

/** Watches Services, EndpointSlices and Namespaces, and Pods when asked. */
export function watchCluster({ client, clock, logger, observeProgramming }: Options): Cluster {
  const informers = {
    services: createInformer({ client, ref: services, clock, logger }),
    endpointSlices: createInformer({ client, ref: endpointSlices, clock, logger }),
    namespaces: createInformer({ client, ref: namespaces, clock, logger }),
    pods: createInformer({ client, ref: pods, clock, logger }),
  }
  const base = [informers.services, informers.endpointSlices, informers.namespaces]
  const podsWanted = new AbortController()
  const caches = viewsOf(informers)
  let changedMs = clock.now()
  const listeners: (() => void)[] = []
  const changed = (): void => {
    changedMs = clock.now()
    for (const listener of listeners) listener()
  }
  informers.services.onChange(changed)
  informers.namespaces.onChange(changed)
  informers.pods.onChange(changed)
  informers.endpointSlices.onChange((change) => {
    changed()
    const { object } = change
    const isHeadless =
      informers.services.get(`${object.metadata.namespace}/${serviceNameOf(object)}`)?.spec?.clusterIP === 'None'
    const trigger = object.metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time']
    if (!isHeadless || trigger === undefined || change.type === 'deleted' || !informers.endpointSlices.synced()) return
    const seconds = (clock.now() - Date.parse(trigger)) / 1000
    if (seconds >= 0) observeProgramming(seconds)
  })
  return {
    view: caches,
    run: async (signal) => {
      await runAll(signal, {
        services: informers.services.run,
        endpointSlices: informers.endpointSlices.run,
        namespaces: informers.namespaces.run,
        pods: async (taskSignal) => {
          await Promise.race([aborted(podsWanted.signal), aborted(taskSignal)])
          if (!taskSignal.aborted) await informers.pods.run(taskSignal)
        },
      })
    },
    isSynced: () => {
      return base.every((informer) => informer.synced()) && (!podsWanted.signal.aborted || informers.pods.synced())
    },
    onChange: (listener) => {
      listeners.push(listener)
    },
    changedMs: () => changedMs,
    watchPods: () => podsWanted.abort(),
  }
}

/** Where the objects come from. */
export type ClusterInformers = {
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  readonly namespaces: Informer<Namespace>
  readonly pods: Informer<Pod>
}

/** Prepares the indexes once, and gives views that answer from them. */
function viewsOf({
  services,
  endpointSlices,
  namespaces,
  pods,
}: ClusterInformers): (options: ViewOptions) => ClusterView {
  services.addIndex('address', addressesOf)
  endpointSlices.addIndex('service', (slice) => [`${slice.metadata.namespace}/${serviceNameOf(slice)}`])
  endpointSlices.addIndex('address', (slice) => slice.endpoints?.flatMap(({ addresses }) => addresses) ?? [])
  pods.addIndex('address', podAddresses)
  return ({ namespaces: named, namespaceSelector, selector, hasPodNames }) => {
    const hasNamespace = (name: string): boolean => {
      const found = namespaces.get(name)
      if (found === undefined || named?.has(name) === false) return false
      return namespaceSelector === undefined || matches(namespaceSelector, found.metadata.labels)
    }
    const isShown = ({ metadata }: Service | EndpointSlice): boolean => {
      const isSelected = selector === undefined || matches(selector, metadata.labels)
      return isSelected && hasNamespace(metadata.namespace ?? '')
    }
    return {
      hasNamespace,
      service: (namespace, name) => {
        const service = services.get(`${namespace}/${name}`)
        return service === undefined || !isShown(service) ? undefined : serviceView(service)
      },
      endpoints: (namespace, name) => {
        return endpointViews(endpointSlices.byIndex('service', `${namespace}/${name}`).filter(isShown), hasPodNames)
      },
      serviceOf: (address) => {
        const service = services.byIndex('address', address).find(isShown)
        return service === undefined ? undefined : keyOf(service)
      },
      endpointsOf: (address) => {
        return endpointSlices
          .byIndex('address', address)
          .filter(isShown)
          .flatMap((slice) => {
            const own = { namespace: slice.metadata.namespace ?? '', name: serviceNameOf(slice) }
            return endpointViews([slice], hasPodNames)
              .filter((endpoint) => endpoint.address === address)
              .map(({ hostname }) => ({ ...own, hostname }))
          })
      },
      podNamespaces: (address) => pods.byIndex('address', address).map(({ metadata }) => metadata.namespace ?? ''),
      services: () => services.list().filter(isShown).map(keyOf),
    }
  }
}

function keyOf({ metadata }: Service): ServiceKey {
  return { namespace: metadata.namespace ?? '', name: metadata.name }
}

/** Addresses of a pod that still runs: those of finished ones may belong to others by now. */
function podAddresses({ status }: Pod): readonly string[] {
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return []
  const all = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP]
  return all.flatMap((ip) => (ip === undefined || ip === '' ? [] : [ip]))
}

function serviceNameOf(slice: EndpointSlice): string {
  return slice.metadata.labels?.['kubernetes.io/service-name'] ?? ''
}

/** The cluster IPs of a Service; none for a headless one. */
function addressesOf({ spec }: Service): readonly string[] {
  const all = spec?.clusterIPs ?? (spec?.clusterIP === undefined ? [] : [spec.clusterIP])
  return all.filter((address) => address !== '' && address !== 'None')
}

/** A Service as DNS sees it. */
export function serviceView(service: Service): ServiceView {
  const { spec } = service
  if (spec?.type === 'ExternalName') return { kind: 'externalName', target: spec.externalName ?? '' }
  if (spec?.clusterIP === 'None') return { kind: 'headless' }
  const ports = (spec?.ports ?? []).map(({ name, protocol, port }) => portName(name, protocol, port))
  return { kind: 'clusterIp', addresses: addressesOf(service), ports }
}

function portName(name: string | undefined, protocol: string | undefined, port: number | undefined): PortName {
  return { name: name ?? '', protocol: protocol ?? 'TCP', port: port ?? -1 }
}

/** Ready endpoints of slices; an address that two slices name counts once. */
export function endpointViews(slices: readonly EndpointSlice[], hasPodNames = false): readonly EndpointView[] {
  const found = new Map<string, EndpointView>()
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue
    const ports = (slice.ports ?? []).map(({ name, protocol, port }) => portName(name, protocol, port))
    for (const { addresses, conditions, hostname, targetRef } of slice.endpoints ?? []) {
      // Unknown counts as ready (API field doc of EndpointConditions.ready).
      if (conditions?.ready === false) continue
      for (const address of addresses) {
        const label = endpointLabel(hostname, address, hasPodNames ? targetRef?.name : undefined)
        const key = `${label} ${address}`
        const before = found.get(key)?.ports ?? []
        found.set(key, { hostname: label, address, ports: [...before, ...ports] })
      }
    }
  }
  return [...found.values()]
}
