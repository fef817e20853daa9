/** A class of volume attributes that a claim or volume names is not removed before it. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { VolumeAttributesClass } from '../../api/storage/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'

export const classFinalizer = 'kubernetes.io/vac-protection'

/** Everything the decision depends on: the claims and volumes are those that name the class. */
export type Observed = {
  readonly attributesClass: VolumeAttributesClass
  readonly claims: readonly PersistentVolumeClaim[]
  readonly volumes: readonly PersistentVolume[]
}
export type Action = { readonly type: 'protect' | 'release'; readonly attributesClass: VolumeAttributesClass }

export function plan({ attributesClass, claims, volumes }: Observed): Plan<Action> {
  const { finalizers, deletionTimestamp } = attributesClass.metadata
  const isProtected = finalizers?.includes(classFinalizer) === true
  if (deletionTimestamp === undefined) return { actions: isProtected ? [] : [{ type: 'protect', attributesClass }] }
  const isUsed = claims.length > 0 || volumes.length > 0
  return { actions: isProtected && !isUsed ? [{ type: 'release', attributesClass }] : [] }
}

/** The classes that a claim wants, has, or is on its way to. */
export function classesOfClaim({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const names = [
    spec.volumeAttributesClassName,
    status.currentVolumeAttributesClassName,
    status.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ]
  return [...new Set(names.flatMap((name) => (name === undefined || name === '' ? [] : [name])))]
}

/** The class of a volume. */
export function classesOfVolume({ spec }: PersistentVolume): readonly string[] {
  const { volumeAttributesClassName: name = '' } = spec
  return name === '' ? [] : [name]
}
