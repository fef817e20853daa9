/**
 * The ways in which impersonation is allowed. A constrained mode needs two permissions: `impersonate:MODE` on whom, and
 * `impersonate-on:MODE:VERB` on what is then done; the old way needs `impersonate` alone and allows everything.
 * Source: KEP-5284; upstream's `endpoints/filters/impersonation`.
 */
import { goQuote, invalidValue } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain, isDomainPrefixedPath } from '../../apimachinery/names.ts'
import type { Attributes, Authorizer } from '../authz/authorizer.ts'
import { forbiddenRequest } from '../authz/forbidden.ts'
import { type RequestInfo, requestInfo, type UserInfo } from '../http/request-info.ts'
import {
  anonymousUser,
  authenticatedGroup,
  nodesGroup,
  serviceAccountGroups,
  splitServiceAccountUser,
  superuserGroup,
  unauthenticatedGroup,
} from './user.ts'

/** Who wants to act as whom, and to do what. */
export type Impersonation = {
  readonly authorizer: Authorizer
  readonly caller: UserInfo
  readonly wanted: UserInfo
  /** What the request is about. */
  readonly info: RequestInfo
}
/** The user to go on with; `undefined` where the mode is not meant for this; throws `Forbidden`. */
export type ImpersonationMode = (impersonation: Impersonation) => Promise<UserInfo | undefined>

const authenticationGroup = 'authentication.k8s.io'
const nodePrefix = 'system:node:'
const nodeNameExtra = 'authentication.kubernetes.io/node-name'

/** In upstream's order: the narrowest first. */
export const impersonationModes: readonly ImpersonationMode[] = [
  constrained('associated-node', isAssociatedNode, associated),
  constrained('arbitrary-node', ({ wanted }) => isNameOnly(wanted) && nodeNameOf(wanted.name) !== undefined),
  constrained('serviceaccount', ({ wanted }) => isNameOnly(wanted) && isServiceAccount(wanted.name)),
  constrained('user-info', ({ wanted }) => nodeNameOf(wanted.name) === undefined && !isServiceAccount(wanted.name)),
  async (impersonation) => await impersonateAs({ ...impersonation, verb: 'impersonate', isConstrained: false }),
]

function constrained(
  mode: string,
  isMeant: (impersonation: Impersonation) => boolean,
  asked: (attributes: Attributes) => Attributes = (attributes) => attributes,
): ImpersonationMode {
  const verb = `impersonate:${mode}`
  return async (impersonation) => {
    if (!isMeant(impersonation)) return undefined
    const { authorizer, caller, info } = impersonation
    const narrowed: Authorizer = async (attributes) => await authorizer(asked(attributes))
    const shown = { authorizer: narrowed, asked }
    await require(shown, { user: caller, info: { ...info, verb: `impersonate-on:${mode}:${info.verb}` } })
    return await impersonateAs({ ...impersonation, authorizer: narrowed, asked, verb, isConstrained: true })
  }
}

function isAssociatedNode({ caller, wanted }: Impersonation): boolean {
  const node = nodeNameOf(wanted.name)
  const [own, ...others] = caller.extra?.[nodeNameExtra] ?? []
  return (
    isNameOnly(wanted) && node !== undefined && isServiceAccount(caller.name) && others.length === 0 && own === node
  )
}

/** Whether the caller's node fits is settled already: what is asked must not depend on which node it is. */
function associated({ user, info }: Attributes): Attributes {
  const keys = Object.keys(user.extra ?? {}).toSorted()
  return {
    user: { ...user, extra: { 'authentication.kubernetes.io/associated-node-keys': keys } },
    info: info.verb === 'impersonate:associated-node' ? { ...info, name: '*' } : info,
  }
}

function isNameOnly({ uid, groups, extra }: UserInfo): boolean {
  return uid === undefined && groups.length === 0 && Object.keys(extra ?? {}).length === 0
}

function isServiceAccount(name: string): boolean {
  return splitServiceAccountUser(name) !== undefined
}

function nodeNameOf(user: string): string | undefined {
  const name = user.slice(nodePrefix.length)
  return user.startsWith(nodePrefix) && isDns1123Subdomain(name).length === 0 ? name : undefined
}

type Asking = {
  readonly authorizer: Authorizer
  /** How messages show a question that was changed on its way to the authorizer. */
  readonly asked?: (attributes: Attributes) => Attributes
}
type Acting = Impersonation & Asking & { readonly verb: string; readonly isConstrained: boolean }

async function require({ authorizer, asked }: Asking, attributes: Attributes): Promise<void> {
  const { type, reason, error } = await authorizer(attributes)
  if (type === 'allow') return
  const said = [error, reason].filter((text) => text !== undefined && text !== '').join(': ')
  throw forbiddenRequest(asked === undefined ? attributes : asked(attributes), said)
}

/** One question per user, uid, group and extra value, in upstream's order. */
async function impersonateAs(acting: Acting): Promise<UserInfo> {
  const { wanted } = acting
  const groups = await requireName(acting)
  if (wanted.uid !== undefined) {
    await ask(acting, { group: authenticationGroup, resource: 'uids', name: wanted.uid })
  }
  await requireGroups(acting)
  await requireExtra(acting)
  return { ...wanted, groups: completed(wanted.name, groups) }
}

async function ask(acting: Acting, about: Partial<RequestInfo>): Promise<void> {
  await require(acting, question(acting, about))
}

function question({ caller, verb }: Acting, about: Partial<RequestInfo>): Attributes {
  return { user: caller, info: requestInfo({ verb, version: 'v1', ...about }) }
}

/** The groups that go with the name: those asked for, or the fixed ones of nodes and service accounts. */
async function requireName(acting: Acting): Promise<readonly string[]> {
  const { wanted, isConstrained } = acting
  const group = isConstrained ? authenticationGroup : ''
  const node = isConstrained ? nodeNameOf(wanted.name) : undefined
  const account = splitServiceAccountUser(wanted.name)
  const about =
    node !== undefined
      ? { group, resource: 'nodes', name: node }
      : account !== undefined
        ? { group, resource: 'serviceaccounts', ...account }
        : { group, resource: 'users', name: wanted.name }
  if (isConstrained && wanted.groups.length > 0 && about.resource !== 'users') {
    const what = node === undefined ? 'a service account' : 'a node'
    const shown = `[${wanted.groups.map(goQuote).join(' ')}]`
    throw forbiddenRequest(question(acting, about), `when impersonating ${what}, cannot impersonate groups ${shown}`)
  }
  await ask(acting, about)
  if (node !== undefined) return [nodesGroup]
  return account !== undefined && wanted.groups.length === 0 ? serviceAccountGroups(account.namespace) : wanted.groups
}

/** From here on one question for all is tried first. */
const many = 4

async function requireGroups(acting: Acting): Promise<void> {
  const { wanted, isConstrained } = acting
  const about = { group: isConstrained ? authenticationGroup : '', resource: 'groups' }
  if (isConstrained) {
    const bad = wanted.groups.includes('') ? '' : wanted.groups.includes(superuserGroup) ? superuserGroup : undefined
    if (bad !== undefined) {
      const what = bad === '' ? 'the empty string group' : `the ${bad} group`
      throw forbiddenRequest(question(acting, { ...about, name: bad }), `impersonating ${what} is not allowed`)
    }
    if (wanted.groups.length >= many && (await isAllowed(acting, { ...about, name: '*' }))) return
  }
  for (const name of wanted.groups) await ask(acting, { ...about, name })
}

async function requireExtra(acting: Acting): Promise<void> {
  const { wanted, isConstrained } = acting
  const entries = Object.entries(wanted.extra ?? {})
  const about = { group: authenticationGroup, resource: 'userextras' }
  if (isConstrained) {
    const [problem] = entries.flatMap(([key, values]) => extraProblem(key, values) ?? [])
    if (problem !== undefined) throw forbiddenRequest(question(acting, about), problem)
    const isLarge = entries.length >= many || entries.flatMap(([, values]) => values).length >= many
    if (isLarge && (await isAllowed(acting, { ...about, subresource: '*', name: '*' }))) return
  }
  for (const [subresource, values] of entries) {
    for (const name of values) await ask(acting, { ...about, subresource, name })
  }
}

async function isAllowed(acting: Acting, about: Partial<RequestInfo>): Promise<boolean> {
  return (await acting.authorizer(question(acting, about))).type === 'allow'
}

function extraProblem(key: string, values: readonly string[]): string | undefined {
  if (key === '') return 'impersonating the empty string key in extra is not allowed'
  const [problem] = isDomainPrefixedPath(key)
  if (problem !== undefined) {
    const { message } = invalidValue('', key, problem)
    return `impersonating an invalid key in extra is not allowed: extra.key: ${message}`
  }
  if (key !== key.toLowerCase()) return `impersonating a non-lowercase key in extra is not allowed: ${goQuote(key)}`
  if (values.length === 0) return 'impersonating empty values in extra is not allowed'
  return values.includes('') ? 'impersonating the empty string value in extra is not allowed' : undefined
}

/** Everyone but anonymous is authenticated, unless the caller asks for the opposite. */
function completed(name: string, groups: readonly string[]): readonly string[] {
  if (name !== anonymousUser.name && groups.includes(unauthenticatedGroup)) return groups
  const own = name === anonymousUser.name ? unauthenticatedGroup : authenticatedGroup
  return groups.includes(own) ? groups : [...groups, own]
}
