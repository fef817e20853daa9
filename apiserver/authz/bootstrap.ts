/** Makes the default roles and bindings at start, and puts back what is missing of them. */

import type { ApiObject } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { hasReason, StatusError } from '../../apimachinery/status.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { Store } from '../registry/store.ts'
import { autoUpdateAnnotation, type BindingDraft, bootstrapPolicy, type RoleDraft } from './bootstrap-policy.ts'
import { type PolicyRule, uncoveredRules } from './rbac-rules.ts'

/** The API server itself. */
export const loopbackUser: UserInfo = { name: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] }

const plurals = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  Role: 'roles',
  RoleBinding: 'rolebindings',
} as const

/** Reconciles every default object; roles come before the bindings that name them. */
export async function bootstrapRbac(store: Store, signal: AbortSignal): Promise<void> {
  const { clusterRoles, controllerRoles, clusterRoleBindings, controllerRoleBindings, roles, roleBindings } =
    bootstrapPolicy
  for (const role of [...clusterRoles, ...controllerRoles, ...roles])
    await ensure(store, role, withMissingRules, signal)
  for (const binding of [...clusterRoleBindings, ...controllerRoleBindings, ...roleBindings]) {
    await ensure(store, binding, withMissingSubjects, signal)
  }
}

async function ensure<Draft extends RoleDraft | BindingDraft>(
  store: Store,
  draft: Draft,
  merge: (stored: ApiObject, draft: Draft) => ApiObject | undefined,
  signal: AbortSignal,
): Promise<void> {
  const resource = store.resource('rbac.authorization.k8s.io', plurals[draft.kind])
  if (resource === undefined) return
  const key = { namespace: draft.metadata.namespace ?? '', name: draft.metadata.name }
  const options = { user: loopbackUser }
  try {
    const stored = await store.get(resource, key, signal)
    if (!mayUpdate(stored) || merge(stored, draft) === undefined) return
    await store.update(resource, key, (current) => merge(current, draft) ?? current, options, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
    await store.create(resource, key.namespace, draft, options, signal).catch(ignoreExisting)
  }
}

function ignoreExisting(error: unknown): void {
  if (!(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error
}

/** An admin who sets the annotation to false owns the object. */
function mayUpdate({ metadata }: ApiObject): boolean {
  return metadata.annotations?.[autoUpdateAnnotation] !== 'false'
}

/** The stored role with the rules it lacks, or `undefined` when it lacks nothing. */
export function withMissingRules(stored: ApiObject, draft: RoleDraft): ApiObject | undefined {
  const { rules: storedRules, aggregationRule } = stored as ApiObject & JsonObject
  const own = (storedRules ?? []) as unknown as readonly PolicyRule[]
  const missing = uncoveredRules(own, draft.rules ?? [])
  const lacksAggregation = draft.aggregationRule !== undefined && aggregationRule === undefined
  const metadata = withMissingMetadata(stored, draft)
  if (missing.length === 0 && !lacksAggregation && metadata === undefined) return undefined
  return {
    ...stored,
    metadata: metadata ?? stored.metadata,
    ...(missing.length === 0 ? {} : { rules: [...own, ...missing] }),
    ...(lacksAggregation ? { aggregationRule: draft.aggregationRule } : {}),
  } as ApiObject
}

/** The stored binding with the subjects it lacks, or `undefined` when it lacks nothing. */
export function withMissingSubjects(stored: ApiObject, draft: BindingDraft): ApiObject | undefined {
  const own = ((stored as ApiObject & JsonObject)['subjects'] ?? []) as unknown as NonNullable<BindingDraft['subjects']>
  const missing = (draft.subjects ?? []).filter(
    (subject) =>
      !own.some(
        ({ kind, name, namespace }) =>
          kind === subject.kind && name === subject.name && (namespace ?? '') === (subject.namespace ?? ''),
      ),
  )
  const metadata = withMissingMetadata(stored, draft)
  if (missing.length === 0 && metadata === undefined) return undefined
  return {
    ...stored,
    metadata: metadata ?? stored.metadata,
    ...(missing.length === 0 ? {} : { subjects: [...own, ...missing] }),
  } as ApiObject
}

/** Labels and annotations that are gone; what someone has changed stays. */
function withMissingMetadata(
  { metadata }: ApiObject,
  draft: RoleDraft | BindingDraft,
): ApiObject['metadata'] | undefined {
  const lacks = (own: Readonly<Record<string, string>> = {}, wanted: Readonly<Record<string, string>> = {}): boolean =>
    Object.keys(wanted).some((key) => !(key in own))
  const { labels, annotations } = draft.metadata
  if (!lacks(metadata.labels, labels) && !lacks(metadata.annotations, annotations)) return undefined
  return {
    ...metadata,
    labels: { ...labels, ...metadata.labels },
    annotations: { ...annotations, ...metadata.annotations },
  }
}
