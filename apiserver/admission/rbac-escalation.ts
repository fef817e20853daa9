/**
 * Who writes roles and bindings may not grant more than they have, unless RBAC grants them the verbs `escalate` or `bind`.
 * Upstream does this in the storage of the four kinds; here it is one plugin among the others.
 */
import { sameJson } from '../../api/meta/causes.ts'
import { forbidden, notFound, type StatusError } from '../../apimachinery/status.ts'
import { superuserGroup } from '../authn/user.ts'
import type { Attributes, Authorizer } from '../authz/authorizer.ts'
import { appliedRules, rulesOf } from '../authz/rbac.ts'
import { compactRules, describeRule, type PolicyRule, quotedList, uncoveredRules } from '../authz/rbac-rules.ts'
import { requestInfo } from '../http/request-info.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { isAbout, newObject, oldObject, unchanged } from './request.ts'

type Options = { readonly reader: ObjectReader; readonly authorizer: Authorizer }

const rbacGroup = 'rbac.authorization.k8s.io'
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/** The plugin. */
export function rbacEscalation(options: Options): AdmissionPlugin {
  return {
    name: 'RbacEscalation',
    afterwards: true,
    concerns: ({ operation, user }) =>
      (operation === 'CREATE' || operation === 'UPDATE') && !user.groups.includes(superuserGroup),
    // Changes nothing, but runs when all that may change the object have run, and before it is validated: as upstream.
    mutate: async (request) => {
      if (isAbout(request, kinds.roles) || isAbout(request, kinds.clusterRoles)) await checkRole(options, request)
      if (isAbout(request, kinds.roleBindings) || isAbout(request, kinds.clusterRoleBindings)) {
        await checkBinding(options, request)
      }
      return unchanged(request)
    },
  }
}

async function checkRole(options: Options, request: AdmissionRequest): Promise<void> {
  const role = newObject(request, kinds.clusterRoles)
  const old = oldObject(request, kinds.clusterRoles)
  if (role === undefined || isLeftToCollector(role, old)) return
  const { plural } = request.resource.facts
  if (await may(options, request, 'escalate', plural, role.metadata.name, request.namespace)) return
  const missing = missingRules(options, request, role.rules ?? [])
  if (missing.length > 0) throw escalation(request, missing)
  if (!isAggregated(role) && !(old !== undefined && isAggregated(old))) return
  if (missingRules(options, request, fullAuthority).length === 0) return
  const message = 'must have cluster-admin privileges to use the aggregationRule'
  throw forbidden(request.resource.facts, role.metadata.name, message)
}

function isAggregated({
  aggregationRule,
}: {
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly object[] }
}): boolean {
  return (aggregationRule?.clusterRoleSelectors ?? []).length > 0
}

/** Whether nothing changes but what the garbage collector may change. Source: `IsOnlyMutatingGCFields`. */
function isLeftToCollector(object: Written, old: Written | undefined): boolean {
  return old !== undefined && sameJson(withoutCollectorFields(object), withoutCollectorFields(old))
}

type Written = { readonly metadata: object }

const collectorFields = new Set(['ownerReferences', 'finalizers', 'managedFields', 'selfLink', 'resourceVersion'])

function withoutCollectorFields(object: Written): object {
  const metadata = Object.entries(object.metadata).filter(([field]) => !collectorFields.has(field))
  return { ...object, metadata: Object.fromEntries(metadata) }
}

async function checkBinding(options: Options, request: AdmissionRequest): Promise<void> {
  const binding = newObject(request, kinds.roleBindings)
  const old = oldObject(request, kinds.roleBindings)
  if (binding === undefined || isLeftToCollector(binding, old)) return
  const { roleRef } = binding
  const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
  if (await may(options, request, 'bind', plural, roleRef.name, request.namespace)) return
  const rules = rulesOf(options.reader, roleRef, request.namespace)
  if (rules === undefined) {
    // Upstream names the kind that is written, not the one that is missing.
    throw notFound(request.resource.facts, roleRef.name)
  }
  const missing = missingRules(options, request, rules)
  if (missing.length > 0) throw escalation(request, missing)
}

async function may(
  { authorizer }: Options,
  { user }: AdmissionRequest,
  verb: string,
  resource: string,
  name: string,
  namespace: string,
): Promise<boolean> {
  const info = requestInfo({ verb, apiPrefix: 'apis', group: rbacGroup, version: 'v1', namespace, resource, name })
  const attributes: Attributes = { user, info }
  return (await authorizer(attributes)).type === 'allow'
}

function missingRules(
  { reader }: Options,
  request: AdmissionRequest,
  wanted: readonly PolicyRule[],
): readonly PolicyRule[] {
  const owned = [...appliedRules(reader, request.user, request.namespace, [])].map(({ rule }) => rule)
  return uncoveredRules(owned, wanted)
}

function escalation(request: AdmissionRequest, missing: readonly PolicyRule[]): StatusError {
  const { user, resource } = request
  const rules = compactRules(missing).map(describeRule).toSorted()
  const who = `user ${JSON.stringify(user.name)} (groups=${quotedList(user.groups)})`
  return forbidden(
    resource.facts,
    request.object?.metadata.name ?? request.name,
    `${who} is attempting to grant RBAC permissions not currently held:\n${rules.join('\n')}`,
  )
}
