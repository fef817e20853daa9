/** Finding what an owner may claim: its own objects and those of its namespace that nobody manages. */

import type { ApiObject } from '../../api/resource.ts'
import { type NamespacedName, namespacedName } from '../../apimachinery/brand.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import { matches, type Selector } from '../../apimachinery/selector/labels.ts'
import type { Change, Informer } from '../../client/cache/informer.ts'
import { withIndex } from '../informers.ts'

const ownerIndex = 'controllerUid'
const orphanIndex = 'orphansOfNamespace'

/** Objects by the uid of their controller, and orphans by namespace. */
export type Dependents<T> = {
  readonly ownedBy: (uid: string) => readonly T[]
  readonly orphansIn: (namespace: string) => readonly T[]
  /** What an owner has or may adopt. */
  readonly candidates: (owner: ApiObject) => readonly T[]
}

/** Indexes the cache by owner. */
export function indexDependents<T extends ApiObject>(informer: Informer<T>): Dependents<T> {
  withIndex(informer, ownerIndex, (object) => {
    const owner = controllerRef(object)
    return owner === undefined ? [] : [owner.uid]
  })
  withIndex(informer, orphanIndex, (object) =>
    controllerRef(object) === undefined ? [object.metadata.namespace ?? ''] : [],
  )
  const ownedBy = (uid: string): readonly T[] => informer.byIndex(ownerIndex, uid)
  const orphansIn = (namespace: string): readonly T[] => informer.byIndex(orphanIndex, namespace)
  return {
    ownedBy,
    orphansIn,
    candidates: ({ metadata }) => [...ownedBy(metadata.uid), ...orphansIn(metadata.namespace ?? '')],
  }
}

/** How changes of dependents wake their owners. */
export type OwnerWatch<T extends ApiObject, Owner extends ApiObject> = {
  readonly dependents: Informer<T>
  readonly owners: Informer<Owner>
  /** The owners' kind, as owner references name it. */
  readonly kind: string
  /** What an owner selects; orphans wake the owners that may adopt them. */
  readonly selectorOf: (owner: Owner) => Selector
  readonly wake: (key: NamespacedName) => void
}

/** Wakes the controller of a changed object, the one it had before, and those that may adopt it. */
export function wakeOwners<T extends ApiObject, Owner extends ApiObject>(watch: OwnerWatch<T, Owner>): void {
  const wakeController = (object: T): void => {
    const owner = controllerRef(object)
    if (owner?.kind !== watch.kind) return
    watch.wake(namespacedName(object.metadata.namespace ?? '', owner.name))
  }
  withIndex(watch.owners, 'namespace', ({ metadata }) => [metadata.namespace ?? ''])
  const wakeAdopters = (object: T): void => {
    if (controllerRef(object) !== undefined || object.metadata.deletionTimestamp !== undefined) return
    for (const owner of watch.owners.byIndex('namespace', object.metadata.namespace ?? '')) {
      if (!matches(watch.selectorOf(owner), object.metadata.labels ?? {})) continue
      watch.wake(namespacedName(owner.metadata.namespace ?? '', owner.metadata.name))
    }
  }
  watch.dependents.onChange((change: Change<T>) => {
    if (change.type === 'updated') wakeController(change.old)
    wakeController(change.object)
    if (change.type !== 'deleted') wakeAdopters(change.object)
  })
}
