/** Which volume fits a claim. Pure. */

import type { ObjectReference, PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import { compareQuantities, parseQuantity } from '../../apimachinery/quantity.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** The class that a claim or volume names; the annotation of old goes before the field. */
export function classOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? ''
}

/** Whether a volume is meant for this very claim. Without a uid it is reserved for whoever comes by that name. */
export function isFor(reference: ObjectReference | undefined, { metadata }: PersistentVolumeClaim): boolean {
  if (reference?.name !== metadata.name || reference.namespace !== metadata.namespace) return false
  return (reference.uid ?? '') === '' || reference.uid === metadata.uid
}

/** The volume that was set aside for the claim, else the smallest free one that is enough. */
export function findVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined {
  const living = volumes.filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  const reserved = living.find((volume) => isFor(volume.spec.claimRef, claim) && fits(claim, volume))
  if (reserved !== undefined) return reserved
  const selector = claim.spec.selector === undefined ? undefined : selectorFromLabelSelector(claim.spec.selector)
  return living
    .filter(({ spec }) => spec.claimRef === undefined)
    .filter((volume) => fits(claim, volume))
    .filter(({ metadata }) => selector === undefined || matches(selector, metadata.labels ?? {}))
    .toSorted((a, b) => compareSizes(sizeOf(a), sizeOf(b)) || (a.metadata.name < b.metadata.name ? -1 : 1))[0]
}

/** Class, mode, ways of access, size. */
export function fits(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  const wanted = claim.spec.accessModes ?? []
  const offered = volume.spec.accessModes ?? []
  return (
    classOf(claim) === classOf(volume) &&
    (claim.spec.volumeMode ?? 'Filesystem') === (volume.spec.volumeMode ?? 'Filesystem') &&
    wanted.every((mode) => offered.includes(mode)) &&
    compareSizes(sizeOf(volume), claim.spec.resources?.requests?.['storage'] ?? '0') >= 0
  )
}

function sizeOf({ spec }: PersistentVolume): string {
  return spec.capacity?.['storage'] ?? '0'
}

function compareSizes(a: string, b: string): number {
  const [x, y] = [parseQuantity(a), parseQuantity(b)]
  return x === undefined || y === undefined ? 0 : compareQuantities(x, y)
}
