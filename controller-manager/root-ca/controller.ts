/** The root CA publisher: `kube-root-ca.crt` in every namespace. */
import { namespacedName } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { configMaps as configMapsRef, namespaces as namespacesRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { isNamespaceTerminating } from '../pod/control.ts'
import { type Action, plan, rootCaName } from './plan.ts'

/** Wires the controller. */
export function startRootCaController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const namespaces = informers.of(namespacesRef)
  const configMaps = informers.of(configMapsRef)
  const queue = newQueue(context)
  enqueueChanges(namespaces, queue)
  configMaps.onChange(({ object }) => {
    if (object.metadata.name === rootCaName) queue.add(namespacedName('', object.metadata.namespace ?? ''))
  })
  const write = async (action: Action, signal: AbortSignal) =>
    action.type === 'create'
      ? await client.create(configMapsRef, action.draft, signal)
      : await client.update(configMapsRef, action.configMap, signal)
  return controllerTask(
    [namespaces, configMaps],
    {
      name: 'root-ca',
      queue,
      observe: (key) => {
        const namespace = namespaces.get(key)
        const configMap = configMaps.get(`${key}/${rootCaName}`)
        return namespace === undefined ? undefined : { namespace, configMap, rootCa: config.rootCa ?? '' }
      },
      plan,
      apply: async (action, signal) => {
        try {
          await whenShown(configMaps, await write(action, signal), signal)
        } catch (error) {
          if (!hasReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error
        }
      },
      report: reportTo(logger, 'root-ca'),
    },
    1,
  )
}
