/**
 * OwnerReferencesPermissionEnforcement: who sets owners may delete what is owned, and who lets it block an owner's deletion may
 * set the owner's finalizers. Off by default. Source: `plugin/pkg/admission/gc`.
 */
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { Authorizer, Decision } from '../authz/authorizer.ts'
import { type RequestInfo, requestInfo } from '../http/request-info.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { refuse } from './request.ts'

export type OwnerReferencesOptions = {
  readonly authorizer: Authorizer
  readonly resourceOfKind: (group: string, version: string, kind: string) => Resource | undefined
}
type OwnerReference = NonNullable<ApiObject['metadata']['ownerReferences']>[number]

/** The plugin. */
export function ownerReferencesPermissionEnforcement(options: OwnerReferencesOptions): AdmissionPlugin {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    validate: async (request) => {
      const { operation, object, oldObject, subresource } = request
      if (operation !== 'CREATE' && operation !== 'UPDATE') return
      // Only these two cannot reach the metadata of what they belong to.
      if (request.resource.facts.plural === 'pods' && ['status', 'binding'].includes(subresource)) return
      const [owners, before] = [ownersOf(object), ownersOf(oldObject)]
      if (sameJson(owners, before)) return
      if (operation === 'UPDATE') await requireDelete(options, request)
      await requireFinalizers(options, request, newlyBlocking(owners, before))
    },
  }
}

function ownersOf(object: ApiObject | undefined): readonly OwnerReference[] {
  return object?.metadata.ownerReferences ?? []
}

function newlyBlocking(
  owners: readonly OwnerReference[],
  before: readonly OwnerReference[],
): readonly OwnerReference[] {
  const blocked = new Set(before.filter((one) => one.blockOwnerDeletion === true).map(({ uid }) => uid))
  return owners.filter(({ blockOwnerDeletion, uid }) => blockOwnerDeletion === true && !blocked.has(uid))
}

async function requireDelete(options: OwnerReferencesOptions, request: AdmissionRequest): Promise<void> {
  const { group, version, plural } = request.resource.facts
  const { namespace, name, subresource } = request
  const decision = await ask(options, request, {
    verb: 'delete',
    group,
    version,
    resource: plural,
    subresource,
    namespace,
    name,
  })
  if (decision.type === 'allow') return
  throw refuse(request, `cannot set an ownerRef on a resource you can't delete: ${said(decision)}`)
}

async function requireFinalizers(
  options: OwnerReferencesOptions,
  request: AdmissionRequest,
  owners: readonly OwnerReference[],
): Promise<void> {
  if (owners.length === 0) return
  const all = { verb: 'update', group: '*', version: '*', resource: '*', subresource: 'finalizers', name: '*' }
  if ((await ask(options, request, all)).type === 'allow') return
  for (const { apiVersion, kind, name } of owners) {
    const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion]
    const resource = options.resourceOfKind(group, version, kind)
    if (resource === undefined) {
      const what = `cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}`
      const why = `no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`
      throw refuse(request, `cannot set blockOwnerDeletion in this case because ${what}: ${why}`)
    }
    const { plural, namespaced } = resource.facts
    const namespace = namespaced ? request.namespace : ''
    const about = { verb: 'update', group, version, resource: plural, subresource: 'finalizers', name, namespace }
    const decision = await ask(options, request, about)
    if (decision.type === 'allow') continue
    const what = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on"
    throw refuse(request, `${what}: ${said(decision)}`)
  }
}

function said({ reason, error }: Decision): string {
  return `${reason}, ${error ?? '<nil>'}`
}

async function ask(
  { authorizer }: OwnerReferencesOptions,
  { user }: AdmissionRequest,
  about: Partial<RequestInfo>,
): Promise<Decision> {
  const info = requestInfo({ apiPrefix: 'apis', ...about })
  return await authorizer({ user, info })
}
