/** The RBAC objects that a cluster starts with, kept up to date unless an admin opted out. Source: upstream's `reconciliation`. */
import type { ApiObject } from '../../api/resource.ts'
import { forEachLimited } from '../../component-base/run.ts'
import { autoUpdateAnnotation, type BindingDraft, bootstrapPolicy, type RoleDraft } from '../authz/bootstrap-policy.ts'
import type { Store } from '../registry/store.ts'
import { ensure } from './ensure.ts'
import type { BootstrapObject } from './objects.ts'

const group = 'rbac.authorization.k8s.io'
const parallel = 32

/** Creates missing roles and bindings, and adds rules and subjects that are missing in them. */
export async function ensureRbac(store: Store, signal: AbortSignal): Promise<void> {
  const { clusterRoles, controllerRoles, clusterRoleBindings, controllerRoleBindings, roles, roleBindings } =
    bootstrapPolicy
  await forEachLimited([...clusterRoles, ...controllerRoles, ...roles], parallel, async (draft) => {
    const plural = namespaceOf(draft) === '' ? 'clusterroles' : 'roles'
    await ensure(store, toObject(draft, plural), (current) => merged(current, draft, 'rules'), signal)
  })
  const bindings = [...clusterRoleBindings, ...controllerRoleBindings, ...roleBindings]
  await forEachLimited(bindings, parallel, async (draft) => {
    const plural = namespaceOf(draft) === '' ? 'clusterrolebindings' : 'rolebindings'
    await ensure(store, toObject(draft, plural), (current) => merged(current, draft, 'subjects'), signal)
  })
}

type Draft = RoleDraft | BindingDraft

function namespaceOf(draft: Draft): string {
  const { namespace }: { readonly namespace?: string } = draft.metadata
  return namespace ?? ''
}

function toObject(draft: Draft, plural: string): BootstrapObject {
  return { group, plural, namespace: namespaceOf(draft), draft }
}

/** What is there plus what is missing; never takes anything away. */
function merged(current: ApiObject, draft: Draft, field: 'rules' | 'subjects'): ApiObject {
  if (current.metadata.annotations?.[autoUpdateAnnotation] === 'false') return current
  const have = listOf(current, field)
  const known = new Set(have.map(canonical))
  const missing = listOf(draft, field).filter((item) => !known.has(canonical(item)))
  if (missing.length === 0) return current
  const next: ApiObject & Readonly<Record<string, unknown>> = { ...current, [field]: [...have, ...missing] }
  return next
}

function listOf(object: object, field: string): readonly object[] {
  const value: unknown = Object.entries(object).find(([name]) => name === field)?.[1]
  return Array.isArray(value) ? value : []
}

function canonical(item: object): string {
  return JSON.stringify(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
