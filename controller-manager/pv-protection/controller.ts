/** The PV protection controller: a volume that is bound is not removed before its claim. */
import type { PersistentVolume } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { persistentVolumes as volumesRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { setFinalizer } from '../owner/finalizer.ts'

const volumeFinalizer = 'kubernetes.io/pv-protection'
type Action = { readonly type: 'protect' | 'release'; readonly volume: PersistentVolume }

/** Pure. */
export function plan({ volume }: { readonly volume: PersistentVolume }): Plan<Action> {
  const isProtected = volume.metadata.finalizers?.includes(volumeFinalizer) === true
  const isLeaving = volume.metadata.deletionTimestamp !== undefined
  if (!isLeaving) return { actions: isProtected ? [] : [{ type: 'protect', volume }] }
  return { actions: isProtected && volume.status.phase !== 'Bound' ? [{ type: 'release', volume }] : [] }
}

/** Wires the controller. */
export function startPvProtectionController(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const volumes = informers.of(volumesRef)
  const queue = newQueue(context)
  enqueueChanges(volumes, queue)
  return controllerTask(
    [volumes],
    {
      name: 'pv-protection',
      queue,
      observe: (key) => {
        const volume = volumes.get(key)
        return volume === undefined ? undefined : { volume }
      },
      plan,
      apply: async ({ type, volume }, signal) => {
        const written = await setFinalizer(client, volumesRef, volume, volumeFinalizer, type === 'protect', signal)
        if (written !== undefined) await whenShown(volumes, written, signal)
      },
      report: reportTo(logger, 'pv-protection'),
    },
    1,
  )
}
