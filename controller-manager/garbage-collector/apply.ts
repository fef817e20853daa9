import type { ApiObject } from '../../api/resource.ts'
import { assertNever } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import type { Logger } from '../../component-base/logger.ts'
import { resourceText } from '../discovery.ts'
import { all } from '../pod/control.ts'
import type { GraphNode } from './graph.ts'
import { type FindResource, ownerState, UnknownOwnerError } from './owners.ts'
import { type Action, type Decision, decide, type OwnerState } from './plan.ts'

export type Effects = {
  readonly client: Client
  readonly logger: Logger
  readonly recorder: Recorder
  readonly find: FindResource
  readonly wake: (node: GraphNode) => void
}

/** The only writer of the controller. */
export async function applyAction(effects: Effects, action: Action, signal: AbortSignal): Promise<void> {
  switch (action.type) {
    case 'orphanDependents':
      return await all(
        action.dependents,
        async (dependent) => await dropOwners(effects, dependent, [action.node.uid], signal),
      )
    case 'removeFinalizer':
      return await removeFinalizer(effects, action.node, action.finalizer, signal)
    case 'wake':
      for (const node of action.nodes) effects.wake(node)
      return
    case 'collect':
      return await collect(effects, action.node, action.dependents, signal)
    default:
      return assertNever(action)
  }
}

/** Looks at the object and its owners on the server itself, and does what follows. */
async function collect(
  effects: Effects,
  node: GraphNode,
  dependents: readonly GraphNode[],
  signal: AbortSignal,
): Promise<void> {
  const object = await fresh(effects, node, signal)
  if (object === undefined || object.metadata.deletionTimestamp !== undefined) return
  const owners = object.metadata.ownerReferences ?? []
  const states = new Map<string, OwnerState>()
  try {
    for (const owner of owners) {
      states.set(owner.uid, await ownerState(effects.client, effects.find, node, owner, signal))
    }
  } catch (error) {
    if (error instanceof UnknownOwnerError) return warnUnknownOwner(effects, object, error)
    throw error
  }
  const finalizers = object.metadata.finalizers ?? []
  const decision = decide({ owners, finalizers }, ({ uid }) => states.get(uid) ?? 'solid', dependents)
  await carryOut(effects, node, object, decision, signal)
}

function warnUnknownOwner({ logger, recorder }: Effects, object: ApiObject, error: Error): void {
  const { namespace = '', name } = object.metadata
  logger.debug('Left an object alone', { name, namespace, error })
  if (namespace !== '') return
  for (const { apiVersion, kind, name: owner, uid } of object.metadata.ownerReferences ?? []) {
    const reference = `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${owner}, uid: ${uid}]`
    recorder.event(
      object,
      'Warning',
      'OwnerRefInvalidNamespace',
      `ownerRef ${reference} does not exist in namespace "${namespace}"`,
    )
  }
}

async function carryOut(
  effects: Effects,
  node: GraphNode,
  object: ApiObject,
  decision: Decision,
  signal: AbortSignal,
): Promise<void> {
  const { client, logger } = effects
  switch (decision.type) {
    case 'keep':
      return
    case 'dropOwners':
      return await dropOwners(effects, node, decision.uids, signal)
    case 'delete': {
      if (decision.unblock) await unblockOwners(effects, node, object, signal)
      const { uid, resourceVersion } = object.metadata
      // An owner that was added meanwhile changes the version, and then the deletion must not happen.
      const preconditions = decision.unblock ? { uid } : { uid, resourceVersion }
      try {
        const at = { namespace: node.namespace, name: node.name }
        await client.delete(node.resource, at, { propagationPolicy: decision.policy, preconditions }, signal)
        logger.info('Deleted an object whose owners are gone', {
          resource: resourceText(node.resource),
          namespace: node.namespace,
          name: node.name,
          propagationPolicy: decision.policy,
        })
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error
      }
      return
    }
    default:
      return assertNever(decision)
  }
}

async function fresh({ client }: Effects, node: GraphNode, signal: AbortSignal): Promise<ApiObject | undefined> {
  try {
    const object = await client.get(node.resource, { namespace: node.namespace, name: node.name }, signal)
    return object.metadata.uid === node.uid ? object : undefined
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined
    throw error
  }
}

/** Replaces the list of owners; the version guards against a change by somebody else. */
async function patchMetadata(
  { client }: Effects,
  node: GraphNode,
  object: ApiObject,
  change: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<void> {
  const { uid, resourceVersion } = object.metadata
  const body = { metadata: { uid, resourceVersion, ...change } }
  try {
    await client.patch(node.resource, { namespace: node.namespace, name: node.name }, { type: 'merge', body }, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}

async function dropOwners(
  effects: Effects,
  node: GraphNode,
  uids: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const object = await fresh(effects, node, signal)
  if (object === undefined) return
  const owners = object.metadata.ownerReferences ?? []
  const ownerReferences = owners.filter(({ uid }) => !uids.includes(uid))
  if (ownerReferences.length === owners.length) return
  await patchMetadata(effects, node, object, { ownerReferences }, signal)
}

async function unblockOwners(effects: Effects, node: GraphNode, object: ApiObject, signal: AbortSignal): Promise<void> {
  const ownerReferences = (object.metadata.ownerReferences ?? []).map((owner) => ({
    ...owner,
    blockOwnerDeletion: false,
  }))
  await patchMetadata(effects, node, object, { ownerReferences }, signal)
}

async function removeFinalizer(
  effects: Effects,
  node: GraphNode,
  finalizer: string,
  signal: AbortSignal,
): Promise<void> {
  const object = await fresh(effects, node, signal)
  const before = object?.metadata.finalizers ?? []
  if (object === undefined || !before.includes(finalizer)) return
  await patchMetadata(effects, node, object, { finalizers: before.filter((other) => other !== finalizer) }, signal)
}
