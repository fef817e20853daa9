/**
 * Fields whose features are off: they are dropped from what a client sends, unless the stored object has them already.
 * Source: `dropDisabledFields` of pkg/api/pod; ContainerStopSignals, ClusterTrustBundleProjection, PodCertificateRequest and
 * GenericWorkload are off in 1.36.
 */
import { eachContainer } from './pod-containers.ts'
import type { Container, PodSpec, VolumeProjection } from './v1.ts'

/** The spec without what this version does not do. */
export function dropDisabledFields(spec: PodSpec, old?: PodSpec): PodSpec {
  const dropped = dropProjections(dropStopSignals(spec, old), old)
  const { schedulingGroup, ...rest } = dropped
  return schedulingGroup === undefined || old?.schedulingGroup !== undefined ? dropped : rest
}

function dropStopSignals(spec: PodSpec, old: PodSpec | undefined): PodSpec {
  if (!hasStopSignal(spec) || (old !== undefined && hasStopSignal(old))) return spec
  const { containers, initContainers, ephemeralContainers } = spec
  return {
    ...spec,
    containers: containers.map(withoutStopSignal),
    ...(initContainers === undefined ? {} : { initContainers: initContainers.map(withoutStopSignal) }),
    ...(ephemeralContainers === undefined ? {} : { ephemeralContainers: ephemeralContainers.map(withoutStopSignal) }),
  }
}

function hasStopSignal(spec: PodSpec): boolean {
  return eachContainer(spec, '').some(({ container }) => container.lifecycle?.stopSignal !== undefined)
}

function withoutStopSignal<T extends Container>(container: T): T {
  const { lifecycle, ...rest } = container
  if (lifecycle?.stopSignal === undefined) return container
  const { stopSignal: _, ...handlers } = lifecycle
  // The one member that is taken away and given back in a narrower form does not change the kind of container.
  return (Object.keys(handlers).length === 0 ? rest : { ...rest, lifecycle: handlers }) as T
}

const projections = ['clusterTrustBundle', 'podCertificate'] as const

function dropProjections(spec: PodSpec, old: PodSpec | undefined): PodSpec {
  const unwanted = projections.filter(
    (key) => hasProjection(spec, key) && (old === undefined || !hasProjection(old, key)),
  )
  if (unwanted.length === 0 || spec.volumes === undefined) return spec
  const volumes = spec.volumes.map((volume) =>
    (volume.projected?.sources ?? null) === null
      ? volume
      : {
          ...volume,
          projected: {
            ...volume.projected,
            sources: volume.projected?.sources?.map((one) => omit(one, unwanted)) ?? null,
          },
        },
  )
  return { ...spec, volumes }
}

function hasProjection({ volumes }: PodSpec, key: (typeof projections)[number]): boolean {
  return (volumes ?? []).some(({ projected }) => (projected?.sources ?? []).some((source) => source[key] !== undefined))
}

function omit(projection: VolumeProjection, keys: readonly string[]): VolumeProjection {
  return Object.fromEntries(Object.entries(projection).filter(([key]) => !keys.includes(key)))
}
