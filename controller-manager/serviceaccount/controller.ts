/** The ServiceAccount controller: a `default` account for every namespace. */
import { namespacedName } from '../../apimachinery/brand.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { serviceAccounts as accountsRef, namespaces as namespacesRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { isNamespaceTerminating } from '../pod/control.ts'
import { type Action, defaultAccount, plan } from './plan.ts'

/** Wires the controller. */
export function startServiceAccountController(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const namespaces = informers.of(namespacesRef)
  const accounts = informers.of(accountsRef)
  const queue = newQueue(context)
  enqueueChanges(namespaces, queue)
  accounts.onChange(({ type, object }) => {
    if (type === 'deleted') queue.add(namespacedName('', object.metadata.namespace ?? ''))
  })
  const apply = async ({ namespace }: Action, signal: AbortSignal): Promise<void> => {
    const metadata = { name: defaultAccount, namespace }
    try {
      const created = await client.create(accountsRef, { apiVersion: 'v1', kind: 'ServiceAccount', metadata }, signal)
      await whenShown(accounts, created, signal)
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists') && !isNamespaceTerminating(error)) throw error
    }
  }
  return controllerTask(
    [namespaces, accounts],
    {
      name: 'serviceaccount',
      queue,
      observe: (key) => {
        const namespace = namespaces.get(key)
        const hasDefault = accounts.get(`${key}/${defaultAccount}`) !== undefined
        return namespace === undefined ? undefined : { namespace, hasDefault }
      },
      plan,
      apply,
      report: reportTo(logger, 'serviceaccount'),
    },
    1,
  )
}
