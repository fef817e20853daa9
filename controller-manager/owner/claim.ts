/**
 * Adoption and release: an owner takes matching objects that nobody manages, and lets go of its own that no longer match.
 * Source: `controller.BaseControllerRefManager`.
 */

import type { ApiObject } from '../../api/resource.ts'
import { controllerRef, controllerReference } from '../../apimachinery/owner-reference.ts'
import { matches, type Selector } from '../../apimachinery/selector/labels.ts'

/** What the owner has, would take, and lets go. */
export type Claim<T> = {
  readonly owned: readonly T[]
  readonly adopt: readonly T[]
  readonly release: readonly T[]
}

/** Sorts objects of the owner's namespace by what the owner should do with them. */
export function planClaim<T extends ApiObject>(owner: ApiObject, selector: Selector, objects: readonly T[]): Claim<T> {
  const isLeaving = owner.metadata.deletionTimestamp !== undefined
  const owned: T[] = []
  const adopt: T[] = []
  const release: T[] = []
  for (const object of objects) {
    const controller = controllerRef(object)
    const fits = matches(selector, object.metadata.labels ?? {})
    if (controller !== undefined && controller.uid !== owner.metadata.uid) continue
    if (controller !== undefined && fits) owned.push(object)
    if (controller !== undefined && !fits && !isLeaving) release.push(object)
    if (controller === undefined && fits && !isLeaving && object.metadata.deletionTimestamp === undefined) {
      adopt.push(object)
    }
  }
  return { owned, adopt, release }
}

/** The strategic merge patch by which `owner` takes an object; the uid guards against a namesake. */
export function adoptPatch(owner: ApiObject, object: ApiObject, finalizers: readonly string[] = []) {
  return {
    metadata: {
      ownerReferences: [controllerReference(owner)],
      uid: object.metadata.uid,
      ...(finalizers.length === 0 ? {} : { finalizers }),
    },
  }
}

/** The strategic merge patch by which `owner` lets go of an object. */
export function releasePatch(owner: ApiObject, object: ApiObject, finalizers: readonly string[] = []) {
  return {
    metadata: {
      ownerReferences: [{ $patch: 'delete', uid: owner.metadata.uid }],
      uid: object.metadata.uid,
      ...(finalizers.length === 0 ? {} : { '$deleteFromPrimitiveList/finalizers': finalizers }),
    },
  }
}
