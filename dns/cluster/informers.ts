/** The cluster as the informers' caches show it. */
import type { Namespace, Service } from '../../api/core/v1.ts'
import type { EndpointSlice } from '../../api/discovery/v1.ts'
import { createInformer, type Informer, type InformerOptions } from '../../client/cache/informer.ts'
import { endpointSlices, namespaces, services } from '../../client/rest/resource-refs.ts'
import { runAll } from '../../component-base/run.ts'
import { type ClusterView, type EndpointView, endpointLabel, type PortName, type ServiceView } from './view.ts'

/** A view that is kept up to date. */
export type Cluster = {
  readonly view: ClusterView
  readonly run: (signal: AbortSignal) => Promise<void>
  readonly isSynced: () => boolean
  /** Called after every change. */
  readonly onChange: (listener: () => void) => void
}

type Options = Pick<InformerOptions<never, never>, 'client' | 'clock' | 'logger'>

/** Watches Services, EndpointSlices and Namespaces. */
export function watchCluster({ client, clock, logger }: Options): Cluster {
  const informers = {
    services: createInformer({ client, ref: services, clock, logger }),
    endpointSlices: createInformer({ client, ref: endpointSlices, clock, logger }),
    namespaces: createInformer({ client, ref: namespaces, clock, logger }),
  }
  return {
    view: viewOf(informers),
    run: async (signal) => {
      await runAll(signal, {
        services: informers.services.run,
        endpointSlices: informers.endpointSlices.run,
        namespaces: informers.namespaces.run,
      })
    },
    isSynced: () => Object.values(informers).every((informer) => informer.synced()),
    onChange: (listener) => {
      informers.services.onChange(listener)
      informers.endpointSlices.onChange(listener)
      informers.namespaces.onChange(listener)
    },
  }
}

/** Where the objects come from. */
export type ClusterInformers = {
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  readonly namespaces: Informer<Namespace>
}

/** Answers the view's questions from caches, by index. */
export function viewOf({ services, endpointSlices, namespaces }: ClusterInformers): ClusterView {
  services.addIndex('address', addressesOf)
  endpointSlices.addIndex('service', (slice) => [`${slice.metadata.namespace}/${serviceNameOf(slice)}`])
  endpointSlices.addIndex('address', (slice) => slice.endpoints?.flatMap(({ addresses }) => addresses) ?? [])
  return {
    hasNamespace: (namespace) => namespaces.get(namespace) !== undefined,
    service: (namespace, name) => {
      const service = services.get(`${namespace}/${name}`)
      return service === undefined ? undefined : serviceView(service)
    },
    endpoints: (namespace, name) => endpointViews(endpointSlices.byIndex('service', `${namespace}/${name}`)),
    serviceOf: (address) => {
      const [service] = services.byIndex('address', address)
      return service === undefined
        ? undefined
        : { namespace: service.metadata.namespace ?? '', name: service.metadata.name }
    },
    endpointsOf: (address) => {
      return endpointSlices.byIndex('address', address).flatMap((slice) => {
        const own = { namespace: slice.metadata.namespace ?? '', name: serviceNameOf(slice) }
        return endpointViews([slice])
          .filter((endpoint) => endpoint.address === address)
          .map(({ hostname }) => ({ ...own, hostname }))
      })
    },
  }
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
export function endpointViews(slices: readonly EndpointSlice[]): readonly EndpointView[] {
  const found = new Map<string, EndpointView>()
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue
    const ports = (slice.ports ?? []).map(({ name, protocol, port }) => portName(name, protocol, port))
    for (const { addresses, conditions, hostname } of slice.endpoints ?? []) {
      // Unknown counts as ready (API field doc of EndpointConditions.ready).
      if (conditions?.ready === false) continue
      for (const address of addresses) {
        const label = endpointLabel(hostname, address)
        const key = `${label} ${address}`
        const before = found.get(key)?.ports ?? []
        found.set(key, { hostname: label, address, ports: [...before, ...ports] })
      }
    }
  }
  return [...found.values()]
}
