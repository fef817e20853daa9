/** The persistent volume binder: claims find volumes. Start reading at `claim-plan.ts`. */

import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import { assertNever, namespacedName, objectKey } from '../../apimachinery/brand.ts'
import type { Informer } from '../../client/cache/informer.ts'
import { runController } from '../../client/controller/controller.ts'
import type { Recorder } from '../../client/events/recorder.ts'
import type { Client } from '../../client/rest/client.ts'
import {
  persistentVolumeClaims as claimsRef,
  storageClasses as classesRef,
  persistentVolumes as volumesRef,
} from '../../client/rest/resource-refs.ts'
import { runAll, type Task } from '../../component-base/run.ts'
import { type ControllerContext, enqueueChanges, newQueue, reportTo } from '../context.ts'
import { whenShown } from '../informers.ts'
import { bindCompleted, boundByController, type Action as ClaimAction, plan as planClaim } from './claim-plan.ts'
import { classOf } from './match.ts'
import { plan as planVolume, type Action as VolumeAction } from './volume-plan.ts'

/** Claims without a volume are looked at again after this long, as upstream's periodic sync does. */
const resyncMs = 15_000

type Effects = {
  readonly client: Client
  readonly claims: Informer<PersistentVolumeClaim>
  readonly volumes: Informer<PersistentVolume>
  readonly recorder: Recorder
}

/** Wires the controller: one loop for claims, one for volumes; one worker each, so that no volume is given twice. */
export function startPersistentVolumeBinder(context: ControllerContext): Task {
  const { client, informers, logger } = context
  const claims = informers.of(claimsRef)
  const volumes = informers.of(volumesRef)
  const classes = informers.of(classesRef)
  const claimQueue = newQueue(context)
  const volumeQueue = newQueue(context)
  enqueueChanges(claims, claimQueue)
  enqueueChanges(volumes, volumeQueue)
  volumes.onChange(({ object: { spec } }) => {
    // A volume that is free may be what any claim waits for.
    for (const claim of claims.list()) if (claim.status.phase !== 'Bound') claimQueue.add(objectKey(claim))
    if (spec.claimRef?.name !== undefined) claimQueue.add(namespacedName(spec.claimRef.namespace, spec.claimRef.name))
  })
  claims.onChange(({ object }) => {
    for (const volume of volumes.list()) {
      const reference = volume.spec.claimRef
      const isNamed = reference?.name === object.metadata.name && reference.namespace === object.metadata.namespace
      if (isNamed) volumeQueue.add(objectKey(volume))
    }
  })
  const effects = { client, claims, volumes, recorder: context.recorder('persistentvolume-controller') }
  const claimLoop = {
    name: 'persistentvolume-binder-claims',
    queue: claimQueue,
    observe: (key: string) => {
      const claim = claims.get(key)
      if (claim === undefined) return undefined
      return { claim, volumes: volumes.list(), storageClass: classes.get(classOf(claim)) }
    },
    plan: (observed: Parameters<typeof planClaim>[0]) => {
      const planned = planClaim(observed)
      return observed.claim.status.phase === 'Bound' ? planned : { ...planned, requeueAfterMs: resyncMs }
    },
    apply: async (action: ClaimAction, signal: AbortSignal) => await applyToClaim(effects, action, signal),
    report: reportTo(logger, 'persistentvolume-binder'),
  }
  const volumeLoop = {
    name: 'persistentvolume-binder-volumes',
    queue: volumeQueue,
    observe: (key: string) => {
      const volume = volumes.get(key)
      if (volume === undefined) return undefined
      const { namespace = '', name = '' } = volume.spec.claimRef ?? {}
      return { volume, claim: claims.get(`${namespace}/${name}`) }
    },
    plan: planVolume,
    apply: async (action: VolumeAction, signal: AbortSignal) => await applyToVolume(effects, action, signal),
    report: reportTo(logger, 'persistentvolume-binder'),
  }
  return async (signal) => {
    for (const cache of [claims, volumes, classes]) await cache.whenSynced(signal)
    await runAll(signal, {
      claims: async (inner) => await runController(claimLoop, { workers: 1 }, inner),
      volumes: async (inner) => await runController(volumeLoop, { workers: 1 }, inner),
    })
  }
}

async function applyToClaim(effects: Effects, action: ClaimAction, signal: AbortSignal): Promise<void> {
  const { client, claims, recorder } = effects
  const { claim } = action
  switch (action.type) {
    case 'bind':
      return await bind(effects, claim, action.volume, signal)
    case 'event':
      return recorder.event(claim, action.level, action.reason, action.message)
    case 'annotate': {
      const annotations = { ...claim.metadata.annotations, ...action.annotations }
      const next = { ...claim, metadata: { ...claim.metadata, annotations } }
      return await whenShown(claims, await client.update(claimsRef, next, signal), signal)
    }
    case 'setPhase': {
      const status = action.phase === 'Lost' ? { phase: 'Lost' } : { ...claim.status, phase: action.phase }
      const written = await client.updateStatus(claimsRef, { ...claim, status }, signal)
      return await whenShown(claims, written, signal)
    }
    default:
      return assertNever(action)
  }
}

/** Four writes, in the order in which a crash between two of them can be made good. */
async function bind(
  { client, claims, volumes }: Effects,
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  signal: AbortSignal,
): Promise<void> {
  let pv = volume
  if (pv.spec.claimRef?.uid !== claim.metadata.uid) {
    const { namespace = '', name, uid, resourceVersion } = claim.metadata
    const isChosenByUs = pv.spec.claimRef === undefined
    const annotations = { ...pv.metadata.annotations, ...(isChosenByUs ? { [boundByController]: 'yes' } : {}) }
    const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', namespace, name, uid, resourceVersion }
    const next = { ...pv, metadata: { ...pv.metadata, annotations }, spec: { ...pv.spec, claimRef } }
    pv = await client.update(volumesRef, next, signal)
  }
  if (pv.status.phase !== 'Bound') {
    pv = await client.updateStatus(volumesRef, { ...pv, status: { ...pv.status, phase: 'Bound' } }, signal)
  }
  let pvc = claim
  if (pvc.spec.volumeName !== pv.metadata.name || pvc.metadata.annotations?.[bindCompleted] === undefined) {
    const isChosenByUs = (pvc.spec.volumeName ?? '') === ''
    const annotations = {
      ...pvc.metadata.annotations,
      [bindCompleted]: 'yes',
      ...(isChosenByUs ? { [boundByController]: 'yes' } : {}),
    }
    const next = {
      ...pvc,
      metadata: { ...pvc.metadata, annotations },
      spec: { ...pvc.spec, volumeName: pv.metadata.name },
    }
    pvc = await client.update(claimsRef, next, signal)
  }
  const { accessModes, capacity } = pv.spec
  const status = {
    ...pvc.status,
    phase: 'Bound',
    ...(accessModes === undefined ? {} : { accessModes }),
    ...(capacity === undefined ? {} : { capacity }),
  }
  pvc = await client.updateStatus(claimsRef, { ...pvc, status }, signal)
  await whenShown(volumes, pv, signal)
  await whenShown(claims, pvc, signal)
}

async function applyToVolume(
  { client, volumes, recorder }: Effects,
  action: VolumeAction,
  signal: AbortSignal,
): Promise<void> {
  const { volume } = action
  switch (action.type) {
    case 'event':
      return recorder.event(volume, 'Warning', action.reason, action.message)
    case 'setPhase': {
      const { message: _, ...rest } = volume.status
      const status = { ...rest, phase: action.phase, ...(action.message === '' ? {} : { message: action.message }) }
      return await whenShown(volumes, await client.updateStatus(volumesRef, { ...volume, status }, signal), signal)
    }
    case 'unbind': {
      const { claimRef, ...spec } = volume.spec
      const { [boundByController]: ours, ...annotations } = volume.metadata.annotations ?? {}
      const { uid: _uid, resourceVersion: _version, ...reserved } = claimRef ?? {}
      // What the user has reserved stays reserved.
      const next = {
        ...volume,
        metadata: { ...volume.metadata, annotations },
        spec: ours === undefined ? { ...spec, claimRef: reserved } : spec,
      }
      return await whenShown(volumes, await client.update(volumesRef, next, signal), signal)
    }
    default:
      return assertNever(action)
  }
}
