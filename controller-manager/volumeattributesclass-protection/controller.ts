/** The VolumeAttributesClass protection controller. */
import { namespacedName } from '../../apimachinery/brand.ts'
import type { Change } from '../../client/cache/informer.ts'
import {
  persistentVolumeClaims as claimsRef,
  volumeAttributesClasses as classesRef,
  persistentVolumes as volumesRef,
} from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown, withIndex } from '../informers.ts'
import { setFinalizer } from '../owner/finalizer.ts'
import { classesOfClaim, classesOfVolume, classFinalizer, plan } from './plan.ts'

const index = 'volume attributes classes'

/** Wires the controller. */
export function startVolumeAttributesClassProtectionController(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const classes = informers.of(classesRef)
  const claims = withIndex(informers.of(claimsRef), index, classesOfClaim)
  const volumes = withIndex(informers.of(volumesRef), index, classesOfVolume)
  const queue = newQueue(context)
  enqueueChanges(classes, queue)
  // A class may go when what named it has gone or names another.
  const letGo =
    <T>(classesOf: (object: T) => readonly string[]) =>
    (change: Change<T>): void => {
      if (change.type === 'added') return
      const before = classesOf(change.type === 'updated' ? change.old : change.object)
      const now = change.type === 'updated' ? classesOf(change.object) : []
      for (const name of before) if (!now.includes(name)) queue.add(namespacedName(undefined, name))
    }
  claims.onChange(letGo(classesOfClaim))
  volumes.onChange(letGo(classesOfVolume))
  return controllerTask(
    [classes, claims, volumes],
    {
      name: 'volumeattributesclass-protection',
      queue,
      observe: (key) => {
        const attributesClass = classes.get(key)
        if (attributesClass === undefined) return undefined
        return { attributesClass, claims: claims.byIndex(index, key), volumes: volumes.byIndex(index, key) }
      },
      plan,
      apply: async ({ type, attributesClass }, signal) => {
        const isWanted = type === 'protect'
        const written = await setFinalizer(client, classesRef, attributesClass, classFinalizer, isWanted, signal)
        if (written !== undefined) await whenShown(classes, written, signal)
      },
      report: reportTo(logger, 'volumeattributesclass-protection'),
    },
    1,
  )
}
