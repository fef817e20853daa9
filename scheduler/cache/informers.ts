/** Connects watches to the cache and the queue: what the cluster says becomes nodes, pods on nodes, waiting pods, events. */
import type { Node, Pod } from '../../api/core/v1.ts'
import type { LabelSelector } from '../../api/meta/v1.ts'
import type { ApiObject } from '../../api/resource.ts'
import { matches, selectorFromLabels } from '../../apimachinery/selector/labels.ts'
import { type Change, createInformer, type Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import {
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  type ResourceRef,
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
  storageClasses,
} from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { type ClusterEvent, nodeChanges, podChanges } from '../queue/cluster-event.ts'
import type { Nominator } from '../queue/nominator.ts'
import type { SchedulingQueue } from '../queue/scheduling-queue.ts'
import type { ClusterCache } from './cluster-cache.ts'
import { createPodInfo, type PodInfo } from './pod-info.ts'
import type { Listers } from './snapshot.ts'

const byNamespace = 'namespace'
const noLabels: Readonly<Record<string, string>> = {}

/** The collections that the scheduler watches. */
export type Informers = ReturnType<typeof createInformers>

/** Makes the informers; nothing is read before they run. */
export function createInformers(options: { readonly client: Client; readonly clock: Clock; readonly logger: Logger }) {
  const inform = <T extends ApiObject, D>(ref: ResourceRef<T, D>) => createInformer({ ...options, ref })
  const scoped = <T extends ApiObject, D>(ref: ResourceRef<T, D>) => {
    const informer = inform(ref)
    informer.addIndex(byNamespace, ({ metadata }) => [metadata.namespace ?? ''])
    return informer
  }
  return {
    pods: createInformer({ ...options, ref: pods, fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' }),
    nodes: inform(nodes),
    namespaces: inform(namespaces),
    persistentVolumeClaims: inform(persistentVolumeClaims),
    persistentVolumes: inform(persistentVolumes),
    storageClasses: inform(storageClasses),
    podDisruptionBudgets: scoped(podDisruptionBudgets),
    services: scoped(services),
    replicaSets: inform(replicaSets),
    statefulSets: inform(statefulSets),
    replicationControllers: inform(replicationControllers),
  }
}

/** Look-ups for plugins, served from the informers. */
export function createListers(informers: Informers): Listers {
  return {
    namespaceLabels: (name) => informers.namespaces.get(name)?.metadata.labels ?? noLabels,
    claim: (namespace, name) => informers.persistentVolumeClaims.get(`${namespace}/${name}`),
    volume: (name) => informers.persistentVolumes.get(name),
    volumes: () => informers.persistentVolumes.list(),
    storageClass: (name) => informers.storageClasses.get(name),
    disruptionBudgets: (namespace) => informers.podDisruptionBudgets.byIndex(byNamespace, namespace),
    workloadSelectors: (pod) => workloadSelectors(pod, informers),
  }
}

export type FeedOptions = {
  readonly informers: Informers
  readonly cache: ClusterCache
  readonly queue: SchedulingQueue
  readonly nominator: Nominator
  /** Names of the profiles: pods of other schedulers are not ours to place. */
  readonly isOurs: (pod: Pod) => boolean
}

/** Subscribes cache and queue to all changes. */
export function feed({ informers, cache, queue, nominator, isOurs }: FeedOptions): void {
  const tell = (event: ClusterEvent) => queue.onEvent(event)
  informers.nodes.onChange((change) => onNode(change, cache, tell))
  const known = new Map<string, PodInfo>()
  const onPod = (old: Pod | undefined, pod: Pod | undefined) => {
    const before = old === undefined ? undefined : known.get(old.metadata.uid)
    if (before !== undefined) known.delete(before.uid)
    if (pod === undefined) {
      if (before !== undefined) leave(before)
      return
    }
    const info = createPodInfo(pod)
    known.set(info.uid, info)
    enter(info, before)
  }
  const enter = (pod: PodInfo, before: PodInfo | undefined) => {
    const nodeName = pod.pod.spec?.nodeName ?? ''
    if (nodeName === '') {
      if (!isOurs(pod.pod)) return
      nominator.set(pod, pod.pod.status?.nominatedNodeName)
      if (!cache.hasPod(pod.uid)) queue.add(pod)
      return
    }
    const wasAssigned = (before?.pod.spec?.nodeName ?? '') !== ''
    queue.delete(pod.uid)
    nominator.delete(pod.uid)
    cache.setPod(pod, nodeName)
    if (!wasAssigned) tell({ type: 'podAssigned', pod })
    else if (before !== undefined) {
      const changes = podChanges(before, pod)
      if (changes.size > 0) tell({ type: 'assignedPodUpdated', pod, changes })
    }
  }
  const leave = (pod: PodInfo) => {
    queue.delete(pod.uid)
    nominator.delete(pod.uid)
    if (cache.deletePod(pod.uid)) tell({ type: 'assignedPodDeleted', pod })
  }
  informers.pods.onChange((change) => {
    const next = change.type === 'deleted' || isTerminal(change.object) ? undefined : change.object
    const old = change.type === 'added' ? undefined : change.type === 'updated' ? change.old : change.object
    onPod(old, next)
  })
  const onStorage = () => tell({ type: 'storageChanged' })
  informers.persistentVolumeClaims.onChange(onStorage)
  informers.persistentVolumes.onChange(onStorage)
  informers.storageClasses.onChange(onStorage)
  informers.namespaces.onChange(({ type }) => {
    if (type === 'updated') tell({ type: 'namespaceChanged' })
  })
}

function onNode(change: Change<Node>, cache: ClusterCache, tell: (event: ClusterEvent) => void): void {
  const { object: node } = change
  if (change.type === 'deleted') {
    cache.deleteNode(node.metadata.name)
    return
  }
  cache.setNode(node)
  if (change.type === 'added') tell({ type: 'nodeAdded', node })
  else {
    const changes = nodeChanges(change.old, node)
    if (changes.size > 0) tell({ type: 'nodeUpdated', node, changes })
  }
}

function isTerminal({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** Services that select the pod, and the ReplicaSet, StatefulSet or ReplicationController that owns it. */
function workloadSelectors(pod: PodInfo, informers: Informers): readonly LabelSelector[] {
  const selectors: LabelSelector[] = []
  for (const { spec } of informers.services.byIndex(byNamespace, pod.namespace)) {
    const labels = spec?.selector ?? noLabels
    if (Object.keys(labels).length > 0 && matches(selectorFromLabels(labels), pod.labels)) {
      selectors.push({ matchLabels: labels })
    }
  }
  const owner = ownerSelector(pod, informers)
  return owner === undefined ? selectors : [...selectors, owner]
}

function ownerSelector({ pod, namespace }: PodInfo, informers: Informers): LabelSelector | undefined {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return undefined
  const key = `${namespace}/${owner.name}`
  switch (owner.kind) {
    case 'ReplicaSet':
      return informers.replicaSets.get(key)?.spec?.selector
    case 'StatefulSet':
      return informers.statefulSets.get(key)?.spec?.selector
    case 'ReplicationController': {
      const matchLabels = informers.replicationControllers.get(key)?.spec?.selector
      return matchLabels === undefined ? undefined : { matchLabels }
    }
    default:
      return undefined
  }
}

/** Every informer, by name, as tasks of the program. */
export function informerTasks(informers: Informers): Readonly<Record<string, Informer<never>['run']>> {
  return Object.fromEntries(Object.entries(informers).map(([name, { run }]) => [`watch of ${name}`, run]))
}
