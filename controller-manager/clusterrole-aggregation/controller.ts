/** The cluster role aggregation controller. */
import { objectKey } from '../../apimachinery/brand.ts'
import { clusterRoles as rolesRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { plan } from './plan.ts'

/** Wires the controller: any change may concern every role that is made of others. */
export function startClusterRoleAggregationController(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const roles = informers.of(rolesRef)
  const queue = newQueue(context)
  roles.onChange(() => {
    for (const role of roles.list()) if (role.aggregationRule !== undefined) queue.add(objectKey(role))
  })
  return controllerTask(
    [roles],
    {
      name: 'clusterrole-aggregation',
      queue,
      observe: (key) => {
        const role = roles.get(key)
        return role === undefined ? undefined : { role, all: roles.list() }
      },
      plan,
      apply: async ({ role, rules }, signal) => {
        const { name, resourceVersion } = role.metadata
        const body = { metadata: { resourceVersion }, rules }
        await whenShown(roles, await client.patch(rolesRef, { name }, { type: 'merge', body }, signal), signal)
      },
      report: reportTo(logger, 'clusterrole-aggregation'),
    },
    1,
  )
}
