/**
 * ABAC: a file with one policy a line. Kept for old clusters; RBAC is the way.
 * Source: "Using ABAC Authorization"; `pkg/auth/authorizer/abac`.
 */
import { isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { authenticatedGroup } from '../authn/user.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { Attributes, AuthorizationPlugin } from './authorizer.ts'
import type { PolicyRule } from './rbac-rules.ts'

/** One line of the file. `*` stands for everything. */
export type AbacPolicy = {
  readonly user: string
  readonly group: string
  readonly readonly: boolean
  readonly apiGroup: string
  readonly resource: string
  readonly namespace: string
  readonly nonResourcePath: string
}

/** Allows what one policy allows. */
export function createAbacPlugin(policies: readonly AbacPolicy[]): AuthorizationPlugin {
  return {
    authorize: (attributes) =>
      policies.some((policy) => policyAllows(policy, attributes))
        ? { type: 'allow', reason: '' }
        : { type: 'noOpinion', reason: 'No policy matched.' },
    rulesFor: (user, namespace) => {
      const own = policies.filter((policy) => isSubject(policy, user) && fits(policy.namespace, namespace))
      return { rules: own.flatMap(rulesOf), incomplete: false, errors: [] }
    },
  }
}

/** Whether one policy lets the request through. */
export function policyAllows(policy: AbacPolicy, { user, info }: Attributes): boolean {
  if (!isSubject(policy, user) || (policy.readonly && !readVerbs.includes(info.verb))) return false
  if (!info.isResourceRequest) return pathFits(policy.nonResourcePath, info.path)
  return (
    fits(policy.namespace, info.namespace) && fits(policy.resource, info.resource) && fits(policy.apiGroup, info.group)
  )
}

const readVerbs = ['get', 'list', 'watch']

/** A policy without user and group is about nobody; with both, both must fit. */
function isSubject({ user, group }: AbacPolicy, who: UserInfo): boolean {
  if (user === '' && group === '') return false
  return (user === '' || fits(user, who.name)) && (group === '' || group === '*' || who.groups.includes(group))
}

function fits(pattern: string, value: string): boolean {
  return pattern === '*' || pattern === value
}

function pathFits(pattern: string, path: string): boolean {
  return fits(pattern, path) || (pattern.endsWith('*') && path.startsWith(pattern.replace(/\*+$/, '')))
}

function rulesOf({ readonly, apiGroup, resource, nonResourcePath }: AbacPolicy): readonly PolicyRule[] {
  const verbs = readonly ? readVerbs : ['*']
  return [
    ...(resource === '' ? [] : [{ verbs, apiGroups: [apiGroup], resources: [resource] }]),
    ...(nonResourcePath === '' ? [] : [{ verbs, nonResourceURLs: [nonResourcePath] }]),
  ]
}

/** Reads the file of `--authorization-policy-file`; throws with the number of the bad line. */
export function parseAbacPolicies(text: string, path: string): readonly AbacPolicy[] {
  return text.split('\n').flatMap((line, index) => {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#')) return []
    try {
      return [parsePolicy(JSON.parse(trimmed) as Json)]
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      throw new Error(`error reading policy file ${path}, line ${index + 1}: ${line}: ${problem}`)
    }
  })
}

function parsePolicy(value: Json): AbacPolicy {
  if (!isJsonObject(value)) throw new TypeError('a policy is an object')
  if (value['kind'] === undefined || value['apiVersion'] === undefined) return oldPolicy(value)
  if (value['apiVersion'] !== 'abac.authorization.kubernetes.io/v1beta1' || value['kind'] !== 'Policy') {
    throw new TypeError(`unrecognized object: ${String(value['apiVersion'])} ${String(value['kind'])}`)
  }
  const { spec } = value
  return withEveryoneNamed(fieldsOf(isJsonObject(spec) ? spec : {}))
}

/** Lines without a version: what they leave out stands for everything. Source: `pkg/apis/abac/v0/conversion.go`. */
function oldPolicy(value: JsonObject): AbacPolicy {
  const given = fieldsOf(value)
  const policy = withEveryoneNamed(given.user === '' && given.group === '' ? { ...given, group: '*' } : given)
  return {
    ...policy,
    namespace: policy.namespace === '' ? '*' : policy.namespace,
    resource: policy.resource === '' ? '*' : policy.resource,
    apiGroup: '*',
    nonResourcePath: policy.namespace === '' && policy.resource === '' ? '*' : '',
  }
}

/** `*` means everyone who has a name. Source: `pkg/apis/abac/v1beta1/conversion.go`. */
function withEveryoneNamed(policy: AbacPolicy): AbacPolicy {
  return policy.user === '*' || policy.group === '*' ? { ...policy, user: '', group: authenticatedGroup } : policy
}

function fieldsOf(value: JsonObject): AbacPolicy {
  const text = (field: string): string => {
    const found = value[field]
    return typeof found === 'string' ? found : ''
  }
  return {
    user: text('user'),
    group: text('group'),
    readonly: value['readonly'] === true,
    apiGroup: text('apiGroup'),
    resource: text('resource'),
    namespace: text('namespace'),
    nonResourcePath: text('nonResourcePath'),
  }
}
