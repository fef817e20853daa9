import type { Pod } from '../../api/core/v1.ts'
import type { Listers } from '../cache/snapshot.ts'
import type { Plugin, Rejection } from '../framework/plugin.ts'

const inUse: Rejection = {
  reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'],
}

/** Keeps a claim that only one pod may use to one pod in the whole cluster. Source: KEP-2485. */
export const volumeRestrictions: Plugin = {
  name: 'VolumeRestrictions',
  filter: ({ pod, namespace }, { nodes, listers }) => {
    const exclusive = exclusiveClaims(pod, listers)
    if (exclusive.size === 0) return undefined
    const isUsed = nodes.some(({ pods }) =>
      [...pods.values()].some(
        (other) => other.namespace === namespace && claimNames(other.pod).some((name) => exclusive.has(name)),
      ),
    )
    return isUsed ? { type: 'check', check: () => inUse } : undefined
  },
  mayHelp: ({ namespace }, event) =>
    event.type === 'storageChanged' ||
    (event.type === 'assignedPodDeleted' && event.pod.namespace === namespace && claimNames(event.pod.pod).length > 0),
}

function exclusiveClaims(pod: Pod, listers: Listers): ReadonlySet<string> {
  const names = claimNames(pod).filter((name) =>
    listers.claim(pod.metadata.namespace ?? '', name)?.spec?.accessModes?.includes('ReadWriteOncePod'),
  )
  return new Set(names)
}

function claimNames({ metadata, spec }: Pod): readonly string[] {
  return (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (ephemeral !== undefined) return [`${metadata.name}-${name}`]
    return persistentVolumeClaim === undefined ? [] : [persistentVolumeClaim.claimName]
  })
}
