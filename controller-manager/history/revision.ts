/** The versions of a template as ControllerRevision objects, for DaemonSet and StatefulSet. Pure. */

import type { ControllerRevision } from '../../api/apps/v1.ts'
import type { PodTemplateSpec } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import type { ApiObject } from '../../api/resource.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { isSame, sortedFields } from '../pod/canonical-json.ts'
import { hashOf } from '../pod/template-hash.ts'

/** Names no longer than this get the hash added. */
const maxPrefix = 223

/** What has revisions of its pod template. */
export type Owner = ApiObject & { readonly spec: { readonly template: PodTemplateSpec } }

/** What a revision holds: the template, as a patch that puts it back. */
export function revisionData({ spec }: Owner) {
  return { spec: { template: { ...spec.template, $patch: 'replace' } } }
}

/** The hash of the owner's template. */
export function revisionHash(owner: Owner, collisionCount: number | undefined): string {
  return hashOf(revisionData(owner), collisionCount)
}

/** The revision of the owner's template as it is now. `labels` are those by which it is found. */
export function newRevision(
  owner: Owner,
  revision: number,
  options: {
    readonly collisionCount: number | undefined
    readonly hashLabel: string
    readonly annotations?: Readonly<Record<string, string>>
  },
): Draft<'apps.v1.ControllerRevision'> {
  const hash = revisionHash(owner, options.collisionCount)
  const { name, namespace, annotations } = owner.metadata
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name.slice(0, maxPrefix)}-${hash}`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...owner.spec.template.metadata.labels, [options.hashLabel]: hash },
      annotations: { ...annotations, ...options.annotations },
      ownerReferences: [controllerReference(owner)],
    },
    // Others, `kubectl rollout undo` among them, compare these bytes with what Go makes of the template's map.
    data: sortedFields(revisionData(owner)) as NonNullable<ControllerRevision['data']>,
    revision,
  }
}

/** Oldest first. */
export function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  return a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1)
}

/** The newest revision that holds the owner's template. */
export function findRevision(owner: Owner, revisions: readonly ControllerRevision[]): ControllerRevision | undefined {
  const data = revisionData(owner)
  return revisions.toSorted(byRevision).findLast((revision) => isSame(revision.data, data))
}

/** The number after the highest. */
export function nextNumber(revisions: readonly ControllerRevision[]): number {
  return Math.max(0, ...revisions.map(({ revision }) => revision)) + 1
}

/** Revisions beyond the limit that nobody uses, oldest first. */
export function surplusRevisions(
  revisions: readonly ControllerRevision[],
  isUsed: (revision: ControllerRevision) => boolean,
  limit: number,
): readonly ControllerRevision[] {
  const unused = revisions.toSorted(byRevision).filter((revision) => !isUsed(revision))
  return unused.slice(0, Math.max(0, unused.length - limit))
}

/** The template that a revision holds. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec | undefined {
  // Written by `newRevision` or by upstream in the same form.
  const data = revision.data as {
    readonly spec?: { readonly template?: PodTemplateSpec & { readonly $patch?: string } }
  }
  const template = data.spec?.template
  if (template === undefined) return undefined
  const { $patch: _, ...rest } = template
  return rest
}
