/** The garbage collector: objects whose owners are gone go too. Start reading at `plan.ts`, then `graph.ts`. */

import type { ApiObject, OwnerReference } from '../../api/resource.ts'
import { type NamespacedName, namespacedName } from '../../apimachinery/brand.ts'
import type { Change } from '../../client/cache/informer.ts'
import { type Controller, runController } from '../../client/controller/controller.ts'
import { runAll, type Task } from '../../component-base/run.ts'
import { type ControllerContext, newQueue, reportTo } from '../context.ts'
import type { DiscoveredResource } from '../discovery.ts'
import { isSame } from '../pod/canonical-json.ts'
import { applyAction } from './apply.ts'
import { createGraph, type Graph, type GraphNode, nodeOf } from './graph.ts'
import { createMonitors } from './monitors.ts'
import { type Action, type Observed, plan } from './plan.ts'

/** Wires the controller. Keys of its queue are uids. */
export function startGarbageCollector(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const graph = createGraph()
  const queue = newQueue(context)
  const wake = ({ uid }: Pick<GraphNode, 'uid'>): void => queue.add(namespacedName('', uid))
  const monitors = createMonitors({
    client,
    clock,
    logger,
    shared: informers.find,
    onChange: (resource, change) => takeChange(graph, wake, resource, change),
  })
  const find = ({ apiVersion, kind }: OwnerReference): DiscoveredResource | undefined =>
    findResource(monitors.resources(), apiVersion, kind)
  const recorder = context.recorder('garbage-collector-controller')
  const controller: Controller<Observed, Action> = {
    name: 'garbage-collector',
    queue,
    observe: (uid) => observe(graph, uid),
    plan,
    apply: async (action, signal) => await applyAction({ client, logger, recorder, find, wake }, action, signal),
    report: reportTo(logger, 'garbage-collector'),
  }
  const work: Task = async (signal) => {
    await monitors.whenSynced(signal)
    await runController(controller, { workers: config.concurrentSyncs.garbageCollector }, signal)
  }
  return async (signal) => await runAll(signal, { monitors: monitors.run, workers: work })
}

function observe(graph: Graph, uid: NamespacedName): Observed | undefined {
  const node = graph.get(uid)
  if (node === undefined) return undefined
  const owners = node.owners.flatMap((owner) => graph.get(owner.uid) ?? [])
  return { node, dependents: graph.dependentsOf(uid), owners }
}

/** A kind by group and version, else by group: the owner may name a version that is not the preferred one. */
function findResource(
  resources: readonly DiscoveredResource[],
  apiVersion: string,
  kind: string,
): DiscoveredResource | undefined {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : ''
  return resources.find((resource) => resource.group === group && resource.kind === kind)
}

/** Keeps the graph and wakes whom the change concerns: the object, its owners, its dependents. */
function takeChange(
  graph: Graph,
  wake: (node: { readonly uid: string }) => void,
  resource: DiscoveredResource,
  { type, object }: Change<ApiObject>,
): void {
  const node = nodeOf(resource, object)
  if (type === 'deleted') {
    graph.delete(node.uid)
    for (const dependent of graph.dependentsOf(node.uid)) wake(dependent)
    for (const owner of node.owners) wake(owner)
    return
  }
  const old = graph.set(node)
  if (old !== undefined && isSame(old, node)) return
  if (node.owners.length > 0 || node.isBeingDeleted) wake(node)
  const turned =
    old !== undefined && (old.isBeingDeleted !== node.isBeingDeleted || !isSame(old.finalizers, node.finalizers))
  const formerOwners = old === undefined || isSame(old.owners, node.owners) ? [] : old.owners
  for (const owner of [...formerOwners, ...(turned || formerOwners.length > 0 ? node.owners : [])]) wake(owner)
  if (turned || (old === undefined && node.isBeingDeleted)) {
    for (const dependent of graph.dependentsOf(node.uid)) wake(dependent)
  }
}
