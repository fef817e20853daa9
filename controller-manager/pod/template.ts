/** Pods as controllers make them from a template. */

import type { PodTemplateSpec } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import type { OwnerReference } from '../../api/resource.ts'

/** The server completes a generated name; the longest base that leaves room for it is cut there. */
export const maxGeneratedBase = 253

/** What differs between the pod and the template it is made from. */
export type PodIdentity = {
  readonly namespace: string
  readonly owner: OwnerReference
  readonly generateName?: string
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
}

/** The pod to create for an owner. Source: `controller.GetPodFromTemplate`. */
export function podFromTemplate(template: PodTemplateSpec, identity: PodIdentity): Draft<'core.v1.Pod'> {
  const meta = template.metadata
  const labels = { ...meta.labels, ...identity.labels }
  const annotations = { ...meta.annotations, ...identity.annotations }
  const finalizers = [...(meta.finalizers ?? []), ...(identity.finalizers ?? [])]
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(identity.name === undefined ? {} : { name: identity.name }),
      ...(identity.generateName === undefined ? {} : { generateName: identity.generateName }),
      namespace: identity.namespace,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(finalizers.length === 0 ? {} : { finalizers }),
      ownerReferences: [identity.owner],
    },
    spec: template.spec,
  }
}
