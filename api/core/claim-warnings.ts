/** What is allowed in a claim and yet deserves a word. Source: pkg/api/persistentvolumeclaim/util.go. */
import { fractionWarning } from './fraction-warning.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from './v1.ts'

const oldClass = 'volume.beta.kubernetes.io/storage-class'

/** Warnings for a claim. */
export function claimWarnings({ metadata, spec }: PersistentVolumeClaim): readonly string[] {
  return [
    ...(metadata.annotations?.[oldClass] === undefined
      ? []
      : [`metadata.annotations[${oldClass}]: deprecated since v1.8; use "storageClassName" attribute instead`]),
    ...claimSpecWarnings(spec, 'spec'),
  ]
}

/** Warnings for a claim's spec, wherever it stands. */
export function claimSpecWarnings({ resources }: PersistentVolumeClaimSpec, field: string): readonly string[] {
  return (['requests', 'limits'] as const).flatMap((list) =>
    fractionWarning(resources?.[list]?.['storage'], `${field}.resources.${list}[storage]`),
  )
}
