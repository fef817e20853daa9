/** `Impersonate-*` headers: acting as someone else, when RBAC grants the verb `impersonate` on all that is asked for. */
import type { IncomingHttpHeaders } from 'node:http'
import { StatusError } from '../../apimachinery/status.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { forbiddenRequest } from '../authz/forbidden.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'
import { extraFromHeaders, headerValues } from './request-header.ts'
import { anonymousUser, authenticatedGroup, serviceAccountGroups, splitServiceAccountUser } from './user.ts'

const extraPrefix = 'impersonate-extra-'

/** The user to go on with: the caller, or whom the caller may impersonate. Throws `Forbidden` otherwise. */
export async function impersonate(
  caller: UserInfo,
  headers: IncomingHttpHeaders,
  authorizer: Authorizer,
): Promise<UserInfo> {
  if (!Object.keys(headers).some((header) => header.startsWith('impersonate-'))) return caller
  const wanted = parseImpersonation(headers)
  if (wanted === undefined) return caller
  for (const info of impersonationChecks(wanted)) {
    const attributes = { user: caller, info }
    const decision = await authorizer(attributes)
    if (decision.type !== 'allow') throw forbiddenRequest(attributes, decision.reason)
  }
  return completed(wanted)
}

/** Whom the headers ask for; groups are not yet completed. */
export function parseImpersonation(headers: IncomingHttpHeaders): UserInfo | undefined {
  const [name = ''] = headerValues(headers, 'impersonate-user')
  const groups = headerValues(headers, 'impersonate-group')
  const [uid] = headerValues(headers, 'impersonate-uid')
  const extra = extraFromHeaders(headers, [extraPrefix])
  if (name === '') {
    if (groups.length === 0 && uid === undefined && Object.keys(extra).length === 0) return undefined
    throw new StatusError('InternalError', 'requested impersonation without impersonating a user')
  }
  return {
    name,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

/** One question to the authorizer per user, group, uid and extra value. */
export function impersonationChecks(wanted: UserInfo): readonly RequestInfo[] {
  const account = splitServiceAccountUser(wanted.name)
  return [
    account === undefined
      ? check({ resource: 'users', name: wanted.name })
      : check({ resource: 'serviceaccounts', ...account }),
    ...wanted.groups.map((name) => check({ resource: 'groups', name })),
    ...Object.entries(wanted.extra ?? {}).flatMap(([subresource, values]) =>
      values.map((name) => check({ group: authenticationGroup, resource: 'userextras', subresource, name })),
    ),
    ...(wanted.uid === undefined ? [] : [check({ group: authenticationGroup, resource: 'uids', name: wanted.uid })]),
  ]
}

const authenticationGroup = 'authentication.k8s.io'

function check(parts: Pick<RequestInfo, 'resource' | 'name'> & Partial<RequestInfo>): RequestInfo {
  return {
    isResourceRequest: true,
    verb: 'impersonate',
    apiPrefix: '',
    group: '',
    version: 'v1',
    namespace: '',
    subresource: '',
    parts: [],
    path: '',
    ...parts,
  }
}

/** Service accounts get their groups when none are asked for; everyone but anonymous is authenticated. */
function completed(wanted: UserInfo): UserInfo {
  const account = splitServiceAccountUser(wanted.name)
  const groups =
    wanted.groups.length === 0 && account !== undefined ? serviceAccountGroups(account.namespace) : wanted.groups
  const own = wanted.name === anonymousUser.name ? 'system:unauthenticated' : authenticatedGroup
  const isComplete = groups.includes('system:unauthenticated') || groups.includes(own)
  return { ...wanted, groups: isComplete ? groups : [...groups, own] }
}
