/** The PVC protection controller. */
import { namespacedName } from '../../apimachinery/brand.ts'
import { persistentVolumeClaims as claimsRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown, withIndex } from '../informers.ts'
import { setFinalizer } from '../owner/finalizer.ts'
import { claimFinalizer, claimNames, plan } from './plan.ts'

const claimIndex = 'claims'

/** Wires the controller. */
export function startPvcProtectionController(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const claims = informers.of(claimsRef)
  const pods = withIndex(informers.of(podsRef), claimIndex, (pod) =>
    claimNames(pod).map((name) => `${pod.metadata.namespace}/${name}`),
  )
  const queue = newQueue(context)
  enqueueChanges(claims, queue)
  pods.onChange(({ type, object }) => {
    if (type !== 'deleted') return
    for (const name of claimNames(object)) queue.add(namespacedName(object.metadata.namespace, name))
  })
  return controllerTask(
    [claims, pods],
    {
      name: 'pvc-protection',
      queue,
      observe: (key) => {
        const claim = claims.get(key)
        return claim === undefined ? undefined : { claim, pods: pods.byIndex(claimIndex, key) }
      },
      plan,
      apply: async ({ type, claim }, signal) => {
        const written = await setFinalizer(client, claimsRef, claim, claimFinalizer, type === 'protect', signal)
        if (written !== undefined) await whenShown(claims, written, signal)
      },
      report: reportTo(logger, 'pvc-protection'),
    },
    1,
  )
}
