/** Who owns an object: the links garbage collection follows, and the one link to the controller in charge. */

/** One entry of `metadata.ownerReferences`. */
export type OwnerReference = {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}
type Owner = {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly uid: string }
}
type Owned = { readonly metadata: { readonly ownerReferences?: readonly OwnerReference[] } }

/** The reference a controller puts on what it creates. */
export function controllerReference({ apiVersion, kind, metadata }: Owner): OwnerReference {
  const { name, uid } = metadata
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true }
}

/** A reference that is not the controller's. */
export function ownerReference({ apiVersion, kind, metadata }: Owner): OwnerReference {
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid }
}

/** The controller in charge of an object, if there is one. */
export function controllerRef(object: Owned): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true)
}

/** True when this very owner (by uid) is the controller in charge. */
export function isControlledBy(object: Owned, owner: { readonly metadata: { readonly uid: string } }): boolean {
  return controllerRef(object)?.uid === owner.metadata.uid
}
