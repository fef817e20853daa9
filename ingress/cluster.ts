/** The cluster as the caches show it, and the table that follows from it. */
import type { Secret, Service } from '../api/core/v1.ts'
import type { EndpointSlice } from '../api/discovery/v1.ts'
import type { Ingress, IngressClass } from '../api/networking/v1.ts'
import { objectKey } from '../apimachinery/brand.ts'
import { createInformer, type Informer } from '../client/cache/informer.ts'
import type { Client } from '../client/rest/client.ts'
import { endpointSlices, ingressClasses, ingresses, secrets, services } from '../client/rest/resource-refs.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import { runAll } from '../component-base/run.ts'
import type { Snapshot } from './table/table.ts'

export type Cluster = {
  readonly ingresses: Informer<Ingress>
  readonly classes: Informer<IngressClass>
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  readonly secrets: Informer<Secret>
}

const byService = 'service'
/** Secrets that never hold certificates and may be many or large. */
const otherSecrets = [
  'helm.sh/release.v1',
  'kubernetes.io/service-account-token',
  'kubernetes.io/dockercfg',
  'kubernetes.io/dockerconfigjson',
  'bootstrap.kubernetes.io/token',
]

/** Makes the caches; `runCluster` fills them. */
export function createCluster(options: {
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
}): Cluster {
  const fieldSelector = otherSecrets.map((type) => `type!=${type}`).join()
  const slices = createInformer({ ...options, ref: endpointSlices })
  slices.addIndex(byService, serviceKeys)
  return {
    ingresses: createInformer({ ...options, ref: ingresses }),
    classes: createInformer({ ...options, ref: ingressClasses }),
    services: createInformer({ ...options, ref: services }),
    slices,
    secrets: createInformer({ ...options, ref: secrets, fieldSelector }),
  }
}

/** Follows the cluster until `signal` aborts. */
export async function runCluster(
  { ingresses, classes, services, slices, secrets }: Cluster,
  signal: AbortSignal,
): Promise<void> {
  await runAll(signal, {
    ingresses: ingresses.run,
    ingressclasses: classes.run,
    services: services.run,
    endpointslices: slices.run,
    secrets: secrets.run,
  })
}

/** What the table is built from. */
export function snapshotOf({ ingresses, classes, services, slices }: Cluster): Snapshot {
  return {
    ingresses: ingresses.list(),
    classes: new Map(classes.list().map((each) => [each.metadata.name, each])),
    service: (namespace, name) => services.get(`${namespace}/${name}`),
    slicesOf: (namespace, name) => slices.byIndex(byService, `${namespace}/${name}`),
  }
}

/** What the table was built from, by `namespace/name`; changes of anything else do not matter to it. */
export type References = { readonly services: ReadonlySet<string>; readonly secrets: ReadonlySet<string> }

/** Calls `listener` after every change that the table may depend on. */
export function onClusterChange(cluster: Cluster, references: () => References, listener: () => void): void {
  const { ingresses, classes, services, slices, secrets } = cluster
  ingresses.onChange(listener)
  classes.onChange(listener)
  services.onChange(({ object }) => {
    if (references().services.has(objectKey(object))) listener()
  })
  slices.onChange(({ object }) => {
    if (serviceKeys(object).some((key) => references().services.has(key))) listener()
  })
  secrets.onChange(({ object }) => {
    if (references().secrets.has(objectKey(object))) listener()
  })
}

/** A slice belongs to the Service that its label names. */
function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const name = metadata.labels?.['kubernetes.io/service-name']
  return name === undefined ? [] : [`${metadata.namespace ?? ''}/${name}`]
}
