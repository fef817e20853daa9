/** What a volume's fields become when left out. Source: pkg/apis/core/v1/defaults.go. */
import { pullPolicyOf } from './pull-policy.ts'
import type {
  DownwardAPIVolumeFile,
  PersistentVolumeClaimSpec,
  TypedLocalObjectReference,
  Volume,
  VolumeProjection,
} from './v1.ts'

/** 0644. */
const defaultMode = 0o644

/** Defaults of one volume; a volume without a source is an emptyDir. */
export function volumeDefaults(volume: Volume): Volume {
  const sources = Object.keys(volume).filter((key) => key !== 'name')
  if (sources.length === 0) return { ...volume, emptyDir: {} }
  const { hostPath, secret, configMap, downwardAPI, projected, ephemeral, image } = volume
  return {
    ...volume,
    ...(hostPath === undefined ? {} : { hostPath: { ...hostPath, type: hostPath.type ?? '' } }),
    ...(secret === undefined ? {} : { secret: { defaultMode, ...secret } }),
    ...(configMap === undefined ? {} : { configMap: { defaultMode, ...configMap } }),
    ...(downwardAPI === undefined
      ? {}
      : { downwardAPI: { defaultMode, ...downwardAPI, ...itemsOf(downwardAPI.items) } }),
    ...(projected === undefined
      ? {}
      : { projected: { defaultMode, ...projected, sources: (projected.sources ?? []).map(defaultProjection) } }),
    ...(ephemeral?.volumeClaimTemplate === undefined
      ? {}
      : {
          ephemeral: {
            ...ephemeral,
            volumeClaimTemplate: {
              ...ephemeral.volumeClaimTemplate,
              spec: defaultClaimSpec(ephemeral.volumeClaimTemplate.spec),
            },
          },
        }),
    ...(image === undefined
      ? {}
      : { image: { ...image, pullPolicy: image.pullPolicy || pullPolicyOf(image.reference ?? '') } }),
  }
}

/** Defaults of a claim's spec, wherever it stands. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  return { ...spec, volumeMode: spec.volumeMode ?? 'Filesystem' }
}

/** `dataSource` and `dataSourceRef` fill in each other, where both can say the same. Source: `NormalizeDataSources`. */
export function mirrorDataSource(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef } = spec
  if (dataSource !== undefined && dataSourceRef === undefined) {
    return isAllowedSource(dataSource) ? { ...spec, dataSourceRef: dataSource } : withoutSource(spec)
  }
  if (dataSourceRef === undefined || dataSource !== undefined || dataSourceRef.namespace !== undefined) return spec
  const { namespace: _, ...local } = dataSourceRef
  return { ...spec, dataSource: local }
}

function defaultProjection(projection: VolumeProjection): VolumeProjection {
  const { serviceAccountToken, downwardAPI, podCertificate } = projection
  return {
    ...projection,
    ...(serviceAccountToken === undefined
      ? {}
      : { serviceAccountToken: { expirationSeconds: 3600, ...serviceAccountToken } }),
    ...(downwardAPI === undefined ? {} : { downwardAPI: { ...downwardAPI, ...itemsOf(downwardAPI.items) } }),
    ...(podCertificate === undefined ? {} : { podCertificate: { maxExpirationSeconds: 86400, ...podCertificate } }),
  }
}

function itemsOf(items: readonly DownwardAPIVolumeFile[] | undefined): { items?: readonly DownwardAPIVolumeFile[] } {
  return items === undefined ? {} : { items: items.map(defaultItem) }
}

function defaultItem(item: DownwardAPIVolumeFile): DownwardAPIVolumeFile {
  const { fieldRef, resourceFieldRef } = item
  return {
    ...item,
    ...(fieldRef === undefined ? {} : { fieldRef: { ...fieldRef, apiVersion: fieldRef.apiVersion || 'v1' } }),
    ...(resourceFieldRef === undefined
      ? {}
      : { resourceFieldRef: { ...resourceFieldRef, divisor: resourceFieldRef.divisor ?? '0' } }),
  }
}

/** The old field takes claims and snapshots only. Source: `EnforceDataSourceBackwardsCompatibility`. */
function isAllowedSource({ apiGroup, kind }: TypedLocalObjectReference): boolean {
  return (apiGroup ?? '') === '' ? kind === 'PersistentVolumeClaim' : isSnapshot(apiGroup ?? '', kind)
}

function isSnapshot(apiGroup: string, kind: string): boolean {
  return kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io'
}

/** Whatever else stands there is dropped without a word. */
function withoutSource({ dataSource: _, ...spec }: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  return spec
}
