/** The ephemeral volume controller: claims that come and go with their pod. */

import { namespacedName, objectKey } from '../../apimachinery/brand.ts'
import { controllerRef } from '../../apimachinery/owner-reference.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { persistentVolumeClaims as claimsRef, pods as podsRef } from '../../client/rest/resource-refs.ts'
import type { Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { isNamespaceTerminating, messageOf } from '../pod/control.ts'
import { type Action, plan } from './plan.ts'

/** Wires the controller. */
export function startEphemeralVolumeController(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const pods = informers.of(podsRef)
  const claims = informers.of(claimsRef)
  const queue = newQueue(context)
  pods.onChange(({ type, object }) => {
    const hasEphemeral = object.spec.volumes?.some(({ ephemeral }) => ephemeral !== undefined) === true
    if (type === 'added' && hasEphemeral) queue.add(objectKey(object))
  })
  claims.onChange(({ type, object }) => {
    const owner = controllerRef(object)
    if (type === 'deleted' && owner?.kind === 'Pod') queue.add(namespacedName(object.metadata.namespace, owner.name))
  })
  const recorder = context.recorder('ephemeral_volume')
  const apply = async (action: Action, signal: AbortSignal): Promise<void> => {
    if (action.type === 'refuse') throw new Error(action.message)
    try {
      await whenShown(claims, await client.create(claimsRef, action.draft, signal), signal)
    } catch (error) {
      if (isNamespaceTerminating(error) || hasReason(error, 'AlreadyExists')) return
      const message = `ephemeral volume ${action.draft.metadata?.name ?? ''}: create PVC: ${messageOf(error)}`
      if (!signal.aborted) recorder.event(action.pod, 'Warning', 'FailedCreate', message)
      throw error
    }
  }
  return controllerTask(
    [pods, claims],
    {
      name: 'ephemeral-volume',
      queue,
      observe: (key) => {
        const pod = pods.get(key)
        if (pod === undefined) return undefined
        return { pod, claim: (name: string) => claims.get(`${pod.metadata.namespace ?? ''}/${name}`) }
      },
      plan,
      apply,
      report: reportTo(logger, 'ephemeral-volume'),
    },
    1,
  )
}
