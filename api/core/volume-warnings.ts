/** What is allowed in a volume and yet deserves a word. Source: `warningsForOverlappingVirtualPaths` and around it. */
import { claimSpecWarnings } from './claim-warnings.ts'
import type { Volume, VolumeProjection } from './v1.ts'

type Warnings = readonly string[]

/** Sources that nothing serves any more, in the order in which upstream looks for them; a third part is upstream's name. */
const oldSources = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['gitRepo', 'deprecated in v1.11, and disabled by default in v1.33+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['flocker', 'deprecated in v1.22, non-functional in v1.25+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['quobyte', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['ephemeral', ''],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const

/** Warnings for the volumes at `field`. */
export function volumeWarnings(volumes: readonly Volume[] = [], field: string): Warnings {
  return [
    ...volumes.flatMap((volume, index) => sourceWarnings(volume, `${field}[${index}]`)),
    ...volumes.flatMap(overlapWarnings),
  ]
}

function sourceWarnings(volume: Volume, field: string): Warnings {
  return oldSources.flatMap(([type, message, name = type]) => {
    if (volume[type] === undefined) return []
    if (type !== 'ephemeral') return [`${field}.${name}: ${message}`]
    const template = volume.ephemeral?.volumeClaimTemplate
    return template === undefined ? [] : claimSpecWarnings(template.spec, `${field}.ephemeral.volumeClaimTemplate.spec`)
  })
}

type File = { readonly path: string; readonly source: string }

/** Files that hide one another. */
function overlapWarnings({ name, configMap, secret, downwardAPI, projected }: Volume): Warnings {
  const warn = (kind: string, files: readonly File[]): Warnings =>
    overlaps(files).map((text) => `volume "${name}" (${kind}): overlapping paths: ${text}`)
  return [
    ...warn(`ConfigMap "${configMap?.name ?? ''}"`, plainFiles(configMap?.items)),
    ...warn(`Secret "${secret?.secretName ?? ''}"`, plainFiles(secret?.items)),
    ...warn('DownwardAPI', plainFiles(downwardAPI?.items)),
    ...(projected?.sources ?? [])
      .filter((source) => Object.keys(source).length === 0)
      .map(() => `volume "${name}" (Projected) has no sources provided`),
    ...warn('Projected', (projected?.sources ?? []).flatMap(projectedFiles)),
  ]
}

function plainFiles(items: readonly { readonly path: string }[] | undefined, source = ''): readonly File[] {
  return (items ?? []).map(({ path }) => ({ path, source }))
}

function projectedFiles(projection: VolumeProjection): readonly File[] {
  const { configMap, secret, downwardAPI, serviceAccountToken: token, clusterTrustBundle: bundle } = projection
  if (configMap?.items !== undefined) return plainFiles(configMap.items, `ConfigMap "${configMap.name ?? ''}"`)
  if (secret?.items !== undefined) return plainFiles(secret.items, `Secret "${secret.name ?? ''}"`)
  if (downwardAPI?.items !== undefined) return plainFiles(downwardAPI.items, 'DownwardAPI')
  if (token !== undefined) return plainFiles([token], 'ServiceAccountToken')
  if (bundle !== undefined) {
    return plainFiles([bundle], `ClusterTrustBundle "${bundle.name ?? bundle.signerName ?? ''}"`)
  }
  return certificateFiles(projection)
}

function certificateFiles({ podCertificate }: VolumeProjection): readonly File[] {
  const files = [
    { path: podCertificate?.certificateChainPath ?? '', source: 'PodCertificate chain' },
    { path: podCertificate?.keyPath ?? '', source: 'PodCertificate key' },
    { path: podCertificate?.credentialBundlePath ?? '', source: 'PodCertificate credential bundle' },
  ]
  return files.filter(({ path }) => path !== '')
}

/** Each file that is, or is inside of, one before it, or the other way round. */
function overlaps(files: readonly File[]): Warnings {
  const bare = files.map(({ path, source }) => ({ path: path.replace(/\/+$/, ''), source }))
  const isInside = (inner: string, outer: string) => `${inner}/`.startsWith(`${outer}/`)
  const shown = ({ path, source }: File) => (source === '' ? `"${path}"` : `"${path}" (${source})`)
  return bare.flatMap((file, index) =>
    bare
      .slice(0, index)
      .filter(({ path }) => file.path !== '' && path !== '' && (isInside(path, file.path) || isInside(file.path, path)))
      .map((other) => `${shown(file)} with ${shown(other)}`),
  )
}
