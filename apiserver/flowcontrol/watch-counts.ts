/** How many watches a write will be told to: they are work that comes after its answer. Source: upstream's watch tracker. */
import type { RequestInfo } from '../http/request-info.ts'

const ofOneNode = /spec\.nodeName(?:=|%3D){1,2}[^=%&,]/i

type Counts = Map<string, number>

/** Counts watches by resource, namespace and name. */
export class WatchCounts {
  readonly #counts = new Map<string, Counts>()

  /** Counts a watch; returns how to forget it. */
  add(info: RequestInfo, url: string): () => void {
    // Watches of one node's pods are not asked about pods elsewhere.
    if (info.resource === 'pods' && ofOneNode.test(url)) return () => {}
    const kind = kindOf(info)
    const counts = this.#counts.get(kind) ?? new Map<string, number>()
    this.#counts.set(kind, counts)
    const scope = scopeOf(info.namespace, info.name)
    counts.set(scope, (counts.get(scope) ?? 0) + 1)
    return () => {
      const left = (counts.get(scope) ?? 0) - 1
      if (left > 0) counts.set(scope, left)
      else counts.delete(scope)
      if (counts.size === 0 && this.#counts.get(kind) === counts) this.#counts.delete(kind)
    }
  }

  /** The watches that will see what a write changes. */
  interestedIn(info: RequestInfo): number {
    const counts = this.#counts.get(kindOf(info))
    if (counts === undefined) return 0
    const { namespace, name } = info
    return (
      (counts.get('/') ?? 0) +
      (namespace === '' ? 0 : (counts.get(scopeOf(namespace, '')) ?? 0)) +
      (name === '' ? 0 : (counts.get(scopeOf(namespace, name)) ?? 0))
    )
  }
}

function kindOf({ group, resource }: RequestInfo): string {
  return `${group}/${resource}`
}

function scopeOf(namespace: string, name: string): string {
  return `${namespace}/${name}`
}
