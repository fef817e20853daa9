/**
 * Who writes a policy or binding must be able to read its parameters: otherwise its messages could tell what they say.
 * Upstream does this in the storage of the four kinds. Source: pkg/registry/admissionregistration, `authz.go`.
 */
import { parseGroupVersion } from '../../../api/admissionregistration/param-kind.ts'
import type { ParamKind, ParamRef } from '../../../api/admissionregistration/v1.ts'
import { sameJson } from '../../../api/meta/causes.ts'
import { forbiddenField } from '../../../apimachinery/field-errors.ts'
import { invalid } from '../../../apimachinery/status.ts'
import type { Authorizer } from '../../authz/authorizer.ts'
import { isAllowed } from '../../authz/chain.ts'
import { type RequestInfo, requestInfo, type UserInfo } from '../../http/request-info.ts'
import type { ObjectReader } from '../../registry/reader.ts'
import { kinds, read } from '../../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../admission.ts'
import { isAbout, newObject, oldObject } from '../request.ts'
import type { ResourceOfKind } from './params.ts'

type Options = {
  readonly reader: ObjectReader
  readonly authorizer: Authorizer
  readonly resourceOfKind: ResourceOfKind
}

/** The plugin. */
export function parameterAccess(options: Options): AdmissionPlugin {
  return {
    name: 'PolicyParameterAccess',
    concerns: ({ operation, resource, user }) =>
      (operation === 'CREATE' || operation === 'UPDATE') &&
      resource.facts.group === 'admissionregistration.k8s.io' &&
      !user.groups.includes('system:masters'),
    validate: async (request) => {
      for (const { policies, bindings } of pairs) {
        if (isAbout(request, policies)) await checkPolicy(options, request, policies)
        if (isAbout(request, bindings)) await checkBinding(options, request, policies, bindings)
      }
    },
  }
}

const pairs = [
  { policies: kinds.validatingAdmissionPolicies, bindings: kinds.validatingAdmissionPolicyBindings },
  { policies: kinds.mutatingAdmissionPolicies, bindings: kinds.mutatingAdmissionPolicyBindings },
] as const
type Policies = (typeof pairs)[number]['policies']
type Bindings = (typeof pairs)[number]['bindings']

async function checkPolicy(options: Options, request: AdmissionRequest, policies: Policies): Promise<void> {
  const paramKind = newObject(request, policies)?.spec.paramKind
  if (paramKind === undefined || sameJson(paramKind, oldObject(request, policies)?.spec.paramKind)) return
  const question = { verb: 'get', ...located(options, paramKind).where, namespace: '*', name: '*' }
  if (await may(options, request, question)) return
  const { kind = '', apiVersion = '' } = paramKind
  throw refusal(
    request,
    'spec.paramKind',
    `user ${goUser(request.user)} must have "get" permission on all objects of the referenced paramKind (kind=${kind}, apiVersion=${apiVersion})`,
  )
}

async function checkBinding(
  options: Options,
  request: AdmissionRequest,
  policies: Policies,
  bindings: Bindings,
): Promise<void> {
  const spec = newObject(request, bindings)?.spec
  const old = oldObject(request, bindings)?.spec
  if (spec?.paramRef === undefined) return
  const { policyName = '', paramRef } = spec
  if (old !== undefined && sameJson([paramRef, policyName], [old.paramRef, old.policyName])) return
  const policy = read(options.reader, policies, '', policyName)
  const { where, problem } =
    policy === undefined
      ? { where: anything, problem: `get policy ${policyName}` }
      : located(options, policy.spec.paramKind)
  const verb = (paramRef.name ?? '') === '' ? 'list' : 'get'
  if (await may(options, request, { verb, ...where, ...targetOf(paramRef) })) return
  const user = goUser(request.user)
  throw refusal(
    request,
    'spec.paramRef',
    problem === undefined
      ? `user ${user} does not have "${verb}" permission on the object referenced by paramRef`
      : `unable to ${problem} to determine minimum required permissions and user ${user} does not have "${verb}" permission for all groups, versions and resources`,
  )
}

function targetOf({ name = '', namespace = '' }: ParamRef): { readonly name: string; readonly namespace: string } {
  return { name, namespace }
}

type Where = { readonly group: string; readonly version: string; readonly resource: string }
const anything: Where = { group: '*', version: '*', resource: '*' }

/** Where parameters are, as far as that is known; the rest is everything. */
function located(
  { resourceOfKind }: Options,
  paramKind: ParamKind | undefined,
): { readonly where: Where; readonly problem?: string } {
  if (paramKind === undefined) return { where: anything }
  const { apiVersion = '', kind = '' } = paramKind
  const parsed = parseGroupVersion(apiVersion)
  const shown = `paramKind &{${apiVersion} ${kind}}`
  if (parsed === undefined) return { where: anything, problem: `parse ${shown}` }
  const resource = resourceOfKind(parsed.group, parsed.version, kind)
  return resource === undefined
    ? { where: { ...parsed, resource: '*' }, problem: `resolve ${shown}` }
    : { where: { ...parsed, resource: resource.facts.plural } }
}

type Question = Pick<RequestInfo, 'verb' | 'group' | 'version' | 'resource' | 'namespace' | 'name'>

async function may({ authorizer }: Options, { user }: AdmissionRequest, question: Question): Promise<boolean> {
  return await isAllowed(authorizer, { user, info: requestInfo({ apiPrefix: 'apis', ...question }) })
}

function refusal({ resource, name }: AdmissionRequest, field: string, detail: string) {
  return invalid(resource.facts, name, [forbiddenField(field, detail)])
}

/** A user as Go prints one. */
function goUser({ name, uid = '', groups, extra = {} }: UserInfo): string {
  const entries = Object.keys(extra)
    .toSorted()
    .map((key) => `${key}:[${(extra[key] ?? []).join(' ')}]`)
  return `&{${name} ${uid} [${groups.join(' ')}] map[${entries.join(' ')}]}`
}
