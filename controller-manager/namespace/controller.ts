/** The namespace controller: empties namespaces that are being deleted. Start reading at `plan.ts`. */

import type { Namespace } from '../../api/core/v1.ts'
import { type NamespacedName, namespacedName, objectKey } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Informer } from '../../client/cache/informer.ts'
import { namespaces as namespacesRef, pods as podsRef, resourcePath } from '../../client/rest/resource-refs.ts'
import type { Workqueue } from '../../client/workqueue/workqueue.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { discover } from '../discovery.ts'
import { whenShown } from '../informers.ts'
import { isSame } from '../pod/canonical-json.ts'
import { contentConditions, isContentGone } from './conditions.ts'
import { removeContent } from './content.ts'
import { type Action, kubernetesFinalizer, plan } from './plan.ts'

/** Content that waits for something (a grace period, a finalizer) is looked at again after this long. */
const remainingRetryMs = 2_000

type Effects = Pick<ControllerContext, 'client' | 'clock'> & {
  readonly namespaces: Informer<Namespace>
  readonly queue: Workqueue<NamespacedName>
}

/** Wires the controller. */
export function startNamespaceController(context: ControllerContext): Task {
  const { client, clock, config, informers, logger } = context
  const namespaces = informers.of(namespacesRef)
  const pods = informers.of(podsRef)
  const queue = newQueue(context)
  enqueueChanges(namespaces, queue)
  // The rest of the content waits for the last pod.
  pods.onChange(({ type, object }) => {
    const key = namespacedName('', object.metadata.namespace ?? '')
    if (type === 'deleted' && namespaces.get(key)?.metadata.deletionTimestamp !== undefined) queue.add(key)
  })
  const effects = { client, clock, namespaces, queue }
  return controllerTask(
    [namespaces, pods],
    {
      name: 'namespace',
      queue,
      observe: (key) => {
        const namespace = namespaces.get(key)
        return namespace === undefined ? undefined : { namespace }
      },
      plan,
      apply: async (action, signal) => await applyAction(effects, action, signal),
      report: reportTo(logger, 'namespace'),
    },
    config.concurrentSyncs.namespace,
  )
}

async function applyAction(effects: Effects, { type, namespace }: Action, signal: AbortSignal): Promise<void> {
  const { client, namespaces } = effects
  try {
    if (type === 'removeContent') return await emptyNamespace(effects, namespace, signal)
    const status = { ...namespace.status, phase: 'Terminating' }
    await whenShown(namespaces, await client.updateStatus(namespacesRef, { ...namespace, status }, signal), signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
  }
}

async function emptyNamespace(effects: Effects, namespace: Namespace, signal: AbortSignal): Promise<void> {
  const { client, clock, namespaces, queue } = effects
  const { name } = namespace.metadata
  const discovery = await discover(client, signal)
  const report = await removeContent({ client, clock, namespace: name, discovery }, signal)
  let current = namespaces.get(name) ?? namespace
  const conditions = contentConditions(current.status.conditions ?? [], report, clock.now())
  if (!isSame(conditions, current.status.conditions ?? []) || current.status.phase !== 'Terminating') {
    const status = { ...current.status, phase: 'Terminating', conditions }
    current = await client.updateStatus(namespacesRef, { ...current, status }, signal)
    await whenShown(namespaces, current, signal)
  }
  if (isContentGone(report)) return await finalize(effects, current, signal)
  queue.addAfter(objectKey(namespace), remainingRetryMs)
}

async function finalize({ client }: Effects, namespace: Namespace, signal: AbortSignal): Promise<void> {
  const finalizers = (namespace.spec.finalizers ?? []).filter((finalizer) => finalizer !== kubernetesFinalizer)
  const path = resourcePath(namespacesRef, { name: namespace.metadata.name, subresource: 'finalize' })
  const body = JSON.stringify({ ...namespace, spec: { ...namespace.spec, finalizers } })
  await client.raw({ method: 'PUT', path, headers: { 'content-type': 'application/json' }, body }, signal)
}
