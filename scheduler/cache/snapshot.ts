/** What a decision may look at. A decision never awaits, so the live cache serves as its own snapshot. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { LabelSelector } from '../../api/meta/v1.ts'
import type { PodDisruptionBudget } from '../../api/policy/v1.ts'
import type { StorageClass } from '../../api/storage/v1.ts'
import type { NodeInfo } from './node-info.ts'
import type { PodGroup } from './pod-groups.ts'
import type { PodInfo } from './pod-info.ts'

/** Other objects that plugins look up. */
export type Listers = {
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>>
  readonly claim: (namespace: string, name: string) => PersistentVolumeClaim | undefined
  readonly volume: (name: string) => PersistentVolume | undefined
  readonly volumes: () => readonly PersistentVolume[]
  readonly storageClass: (name: string) => StorageClass | undefined
  readonly disruptionBudgets: (namespace: string) => readonly PodDisruptionBudget[]
  /** Selectors of the Services and owners that the pod belongs to. Used by default spread constraints. */
  readonly workloadSelectors: (pod: PodInfo) => readonly LabelSelector[]
}

export type Snapshot = {
  /** Nodes in an order that alternates between zones. */
  readonly nodes: readonly NodeInfo[]
  readonly node: (name: string) => NodeInfo | undefined
  readonly groups: {
    readonly inNamespace: (namespace: string) => Iterable<PodGroup>
    readonly all: () => Iterable<PodGroup>
    readonly withAffinity: () => Iterable<PodGroup>
  }
  /** On how many nodes each value of a label is. */
  readonly domainValues: (topologyKey: string) => ReadonlyMap<string, number>
  /** On how many nodes an image is. */
  readonly imageSpread: (image: string) => number
  readonly listers: Listers
  /**
   * Runs `look` as if the pods were taken from or put on the node, then undoes it. State that plugins prepared before
   * does not know of the change: prepare again inside.
   */
  readonly pretend: <T>(
    nodeName: string,
    change: { readonly remove?: readonly PodInfo[]; readonly add?: readonly PodInfo[] },
    look: () => T,
  ) => T
}
