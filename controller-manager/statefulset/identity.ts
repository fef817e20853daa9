/** What makes the pods of a StatefulSet individuals: name, labels, host name, claims. Pure. */

import type { StatefulSet } from '../../api/apps/v1.ts'
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { podFromTemplate } from '../pod/template.ts'

export const revisionLabel = 'controller-revision-hash'
const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const podIndexLabel = 'apps.kubernetes.io/pod-index'

/** The number at the end of the pod's name; `undefined` for a pod that is none of the set's. */
export function ordinalOf({ metadata }: StatefulSet, pod: Pod): number | undefined {
  const match = /^(.*)-(\d+)$/.exec(pod.metadata.name)
  return match?.[1] === metadata.name ? Number(match[2]) : undefined
}

export function podName({ metadata }: StatefulSet, ordinal: number): string {
  return `${metadata.name}-${ordinal}`
}

export function claimName({ metadata }: StatefulSet, template: PersistentVolumeClaim, ordinal: number): string {
  return `${template.metadata.name}-${metadata.name}-${ordinal}`
}

/** The revision that a pod was made from. */
export function revisionOfPod({ metadata }: Pod): string {
  return metadata.labels?.[revisionLabel] ?? ''
}

/** The pod of an ordinal, from the template of one revision. */
export function statefulPod(
  set: StatefulSet,
  template: PodTemplateSpec,
  revision: string,
  ordinal: number,
): Draft<'core.v1.Pod'> {
  const name = podName(set, ordinal)
  const { serviceName } = set.spec
  const spec = {
    ...template.spec,
    hostname: name,
    ...(serviceName === '' ? {} : { subdomain: serviceName }),
    volumes: volumesOf(set, template, ordinal),
  }
  return podFromTemplate(
    { ...template, spec },
    {
      namespace: set.metadata.namespace ?? '',
      name,
      owner: controllerReference(set),
      labels: { [podNameLabel]: name, [podIndexLabel]: String(ordinal), [revisionLabel]: revision },
    },
  )
}

/** Claims take the place of volumes of the same name. */
function volumesOf(set: StatefulSet, template: PodTemplateSpec, ordinal: number): readonly Volume[] {
  const templates = set.spec.volumeClaimTemplates ?? []
  const names = new Set(templates.map(({ metadata }) => metadata.name))
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name))
  const claims = templates.map((claim) => ({
    name: claim.metadata.name,
    persistentVolumeClaim: { claimName: claimName(set, claim, ordinal) },
  }))
  return [...claims, ...others]
}

/** The claims of an ordinal. They outlive the pod, and the set too unless its retention policy says otherwise. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly Draft<'core.v1.PersistentVolumeClaim'>[] {
  const { matchLabels } = set.spec.selector
  const isDeletedWithSet = set.spec.persistentVolumeClaimRetentionPolicy?.whenDeleted === 'Delete'
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(set, template, ordinal),
      namespace: set.metadata.namespace ?? '',
      labels: { ...template.metadata.labels, ...matchLabels },
      ...(template.metadata.annotations === undefined ? {} : { annotations: template.metadata.annotations }),
      ...(isDeletedWithSet ? { ownerReferences: [controllerReference(set)] } : {}),
    },
    spec: template.spec,
  }))
}
