/** What a claim needs next: a volume, a word to its user, or the news that its volume is lost. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { StorageClass } from '../../api/storage/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isSame } from '../pod/canonical-json.ts'
import { classOf, findVolume, fits, isFor } from './match.ts'

export const bindCompleted = 'pv.kubernetes.io/bind-completed'
export const boundByController = 'pv.kubernetes.io/bound-by-controller'
const selectedNode = 'volume.kubernetes.io/selected-node'
const provisionerAnnotations = [
  'volume.beta.kubernetes.io/storage-provisioner',
  'volume.kubernetes.io/storage-provisioner',
]
const noProvisioner = 'kubernetes.io/no-provisioner'

/** Everything the decision depends on. */
export type Observed = {
  readonly claim: PersistentVolumeClaim
  readonly volumes: readonly PersistentVolume[]
  readonly storageClass: StorageClass | undefined
}

export type Action =
  | { readonly type: 'bind'; readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }
  | { readonly type: 'setPhase'; readonly claim: PersistentVolumeClaim; readonly phase: 'Pending' | 'Lost' }
  | {
      readonly type: 'annotate'
      readonly claim: PersistentVolumeClaim
      readonly annotations: Readonly<Record<string, string>>
    }
  | {
      readonly type: 'event'
      readonly claim: PersistentVolumeClaim
      readonly level: 'Normal' | 'Warning'
      readonly reason: string
      readonly message: string
    }

/** A claim that was bound once is never bound to another volume. */
export function plan(observed: Observed): Plan<Action> {
  const { claim } = observed
  const isBound = claim.metadata.annotations?.[bindCompleted] !== undefined
  return { actions: isBound ? planBound(observed) : planUnbound(observed) }
}

function planBound({ claim, volumes }: Observed): readonly Action[] {
  const name = claim.spec.volumeName ?? ''
  const volume = volumes.find(({ metadata }) => metadata.name === name)
  if (name === '')
    return lost(claim, 'ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!')
  if (volume === undefined) {
    return lost(claim, 'ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  }
  const reference = volume.spec.claimRef
  if (reference === undefined || reference.uid === claim.metadata.uid) return bindUnlessDone(claim, volume)
  return lost(claim, 'ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}

function lost(claim: PersistentVolumeClaim, reason: string, message: string): readonly Action[] {
  if (claim.status.phase === 'Lost') return []
  return [
    { type: 'setPhase', claim, phase: 'Lost' },
    { type: 'event', claim, level: 'Warning', reason, message },
  ]
}

/** Whether both sides say all that binding writes. */
export function isBoundPair(claim: PersistentVolumeClaim, volume: PersistentVolume): boolean {
  return (
    volume.spec.claimRef?.uid === claim.metadata.uid &&
    volume.status.phase === 'Bound' &&
    claim.spec.volumeName === volume.metadata.name &&
    claim.metadata.annotations?.[bindCompleted] !== undefined &&
    claim.status.phase === 'Bound' &&
    isSame(claim.status.capacity, volume.spec.capacity)
  )
}

function bindUnlessDone(claim: PersistentVolumeClaim, volume: PersistentVolume): readonly Action[] {
  return isBoundPair(claim, volume) ? [] : [{ type: 'bind', claim, volume }]
}

function planUnbound(observed: Observed): readonly Action[] {
  const { claim, volumes } = observed
  if (claim.metadata.deletionTimestamp !== undefined) return []
  const name = claim.spec.volumeName ?? ''
  if (name !== '')
    return planNamed(
      claim,
      volumes.find(({ metadata }) => metadata.name === name),
    )
  const reserved = volumes.find(({ spec }) => isFor(spec.claimRef, claim))
  const mustWait = isDelayed(observed) && reserved === undefined
  const volume = mustWait ? undefined : findVolume(claim, volumes)
  return volume === undefined ? [...pending(claim), ...planMissing(observed)] : [{ type: 'bind', claim, volume }]
}

/** The user has named the volume. */
function planNamed(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): readonly Action[] {
  if (volume === undefined) return pending(claim)
  const reference = volume.spec.claimRef
  if (reference !== undefined && !isFor(reference, claim)) return pending(claim)
  if (fits(claim, volume)) return [{ type: 'bind', claim, volume }]
  const message = `Cannot bind to requested volume "${volume.metadata.name}": requested PV does not fit the claim`
  return [...pending(claim), { type: 'event', claim, level: 'Warning', reason: 'VolumeMismatch', message }]
}

function pending(claim: PersistentVolumeClaim): readonly Action[] {
  return claim.status.phase === 'Pending' ? [] : [{ type: 'setPhase', claim, phase: 'Pending' }]
}

/** The choice of a volume waits for the pod's node. */
function isDelayed({ claim, storageClass }: Observed): boolean {
  const isWaiting = storageClass?.volumeBindingMode === 'WaitForFirstConsumer'
  return isWaiting && claim.metadata.annotations?.[selectedNode] === undefined
}

function planMissing(observed: Observed): readonly Action[] {
  const { claim, storageClass } = observed
  const say = (level: 'Normal' | 'Warning', reason: string, message: string): Action => ({
    type: 'event',
    claim,
    level,
    reason,
    message,
  })
  if (isDelayed(observed)) {
    return [say('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')]
  }
  const wanted = classOf(claim)
  if (wanted === '') {
    return [
      say('Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set'),
    ]
  }
  if (storageClass === undefined) {
    return [say('Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${wanted}" not found`)]
  }
  const { provisioner } = storageClass
  if (provisioner === noProvisioner) {
    return [
      say('Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set'),
    ]
  }
  const annotations = Object.fromEntries(provisionerAnnotations.map((annotation) => [annotation, provisioner]))
  const isAsked = provisionerAnnotations.every((annotation) => claim.metadata.annotations?.[annotation] === provisioner)
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system ` +
    'administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.'
  return [
    ...(isAsked ? [] : [{ type: 'annotate' as const, claim, annotations }]),
    say('Normal', 'ExternalProvisioning', message),
  ]
}
