/** The phase of a volume, and what becomes of it when its claim is gone. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/core/v1.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isFor } from './match.ts'

const provisionedBy = 'pv.kubernetes.io/provisioned-by'

/** Everything the decision depends on. */
export type Observed = {
  readonly volume: PersistentVolume
  /** The claim of the name that the volume refers to, whatever its uid. */
  readonly claim: PersistentVolumeClaim | undefined
}

export type Phase = 'Available' | 'Bound' | 'Released' | 'Failed'
export type Action =
  | { readonly type: 'setPhase'; readonly volume: PersistentVolume; readonly phase: Phase; readonly message: string }
  /** The claim went to another volume: this one is free again. */
  | { readonly type: 'unbind'; readonly volume: PersistentVolume }
  | {
      readonly type: 'event'
      readonly volume: PersistentVolume
      readonly reason: string
      readonly message: string
    }

/** Volumes of nobody are available, those of a claim bound, those of a lost claim released. */
export function plan({ volume, claim }: Observed): Plan<Action> {
  const reference = volume.spec.claimRef
  if (reference === undefined || (reference.uid ?? '') === '') return { actions: phase(volume, 'Available') }
  if (claim === undefined || !isFor(reference, claim)) return { actions: planReleased(volume) }
  const bound = claim.spec.volumeName ?? ''
  if (bound === volume.metadata.name) return { actions: phase(volume, 'Bound') }
  if (bound === '') return { actions: [] }
  return { actions: [{ type: 'unbind', volume }] }
}

function phase(volume: PersistentVolume, to: Phase, message = ''): readonly Action[] {
  const isSaid = volume.status.phase === to && (volume.status.message ?? '') === message
  return isSaid ? [] : [{ type: 'setPhase', volume, phase: to, message }]
}

function planReleased(volume: PersistentVolume): readonly Action[] {
  const policy = volume.spec.persistentVolumeReclaimPolicy
  const isExternal = volume.metadata.annotations?.[provisionedBy] !== undefined
  if (volume.status.phase === 'Failed' && policy !== 'Retain') return []
  if (policy === 'Retain' || volume.status.phase !== 'Released') return phase(volume, 'Released')
  if (policy === 'Delete' && isExternal) return []
  // Nothing here can delete or scrub a volume that no provisioner made.
  const [reason, message] =
    policy === 'Delete'
      ? ['VolumeFailedDelete', 'error getting deleter volume plugin for volume: no deletable volume plugin matched']
      : ['VolumeFailedRecycle', 'No recycler plugin found for the volume!']
  return [...phase(volume, 'Failed', message), { type: 'event', volume, reason, message }]
}
