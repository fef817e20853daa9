import type { ResourceFacts } from '../../api/facts/resources.ts'
import type { ApiObject } from '../../api/resource.ts'

/**
 * Synchronous reads from the watch caches, for authorizers, admission and subresources. Objects are shared: never change
 * them. `namespace` is `''` for cluster-scoped kinds.
 */
export type ObjectReader = {
  readonly get: (facts: ResourceFacts, namespace: string, name: string) => ApiObject | undefined
  /** All objects, or those of one namespace, sorted by namespace and name. */
  readonly list: (facts: ResourceFacts, namespace?: string) => readonly ApiObject[]
  /**
   * Has the objects of a namespace, or all, converted by their webhook where the kind has one; what has not been is read as it is
   * stored. Throws where the webhook fails.
   */
  readonly prepare?: (facts: ResourceFacts, namespace: string) => Promise<void>
  /** Another number after every change of an object of this kind: what is computed from `list` can be kept until then. */
  readonly revision: (facts: ResourceFacts) => number
}
