/** Names and groups that the system itself uses, and how a service account appears as a user. */
import { StatusError } from '../../apimachinery/status.ts'
import type { UserInfo } from '../http/request-info.ts'

export const authenticatedGroup = 'system:authenticated'
export const unauthenticatedGroup = 'system:unauthenticated'
/** Its members may do everything. */
export const superuserGroup = 'system:masters'
/** All kubelets. */
export const nodesGroup = 'system:nodes'
export const anonymousUser: UserInfo = { name: 'system:anonymous', groups: [unauthenticatedGroup] }
/** The API server itself. */
export const loopbackUser: UserInfo = { name: 'system:apiserver', groups: [superuserGroup, authenticatedGroup] }
const serviceAccountPrefix = 'system:serviceaccount:'

/** The answer to bad or missing credentials; it never says what was wrong with them. */
export function unauthorized(): StatusError {
  return new StatusError('Unauthorized', 'Unauthorized')
}

/** `system:serviceaccount:default:builder`. */
export function serviceAccountUserName(namespace: string, name: string): string {
  return `${serviceAccountPrefix}${namespace}:${name}`
}

/** The groups of every service account of a namespace. */
export function serviceAccountGroups(namespace: string): readonly string[] {
  return ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]
}

/** The service account behind a user name, or `undefined` for other users. */
export function splitServiceAccountUser(
  user: string,
): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(serviceAccountPrefix)) return undefined
  const [namespace, name, ...rest] = user.slice(serviceAccountPrefix.length).split(':')
  if (namespace === undefined || namespace === '' || name === undefined || name === '' || rest.length > 0)
    return undefined
  return { namespace, name }
}

/** Adds `system:authenticated` to everyone who is not anonymous. */
export function withAuthenticatedGroup(user: UserInfo): UserInfo {
  if (user.name === anonymousUser.name) return user
  if (user.groups.includes(authenticatedGroup) || user.groups.includes(unauthenticatedGroup)) return user
  return { ...user, groups: [...user.groups, authenticatedGroup] }
}
