/** Which FlowSchema a request belongs to. Pure. Source: KEP-1040, upstream's `matchesFlowSchema`. */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '../../api/flowcontrol/v1.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'

/** `undefined` means that everything matches. */
type Names = ReadonlySet<string> | undefined
type ResourceRule = {
  readonly verbs: Names
  readonly groups: Names
  readonly resources: Names
  readonly namespaces: Names
  readonly clusterScope: boolean
}
type PathRule = { readonly verbs: Names; readonly paths: readonly string[] }
type Rule = {
  readonly subjects: readonly Subject[]
  readonly resources: readonly ResourceRule[]
  readonly paths: readonly PathRule[]
}

/** A FlowSchema, read once. */
export type CompiledSchema = { readonly schema: FlowSchema; readonly rules: readonly Rule[] }

/** The rules of one schema whose subjects include a user. */
export type UserRules<S extends CompiledSchema = CompiledSchema> = {
  readonly compiled: S
  readonly rules: readonly Rule[]
}

/** Schemas in the order in which they are tried: by precedence, then by name. */
export function inMatchingOrder(schemas: readonly FlowSchema[]): readonly FlowSchema[] {
  return schemas.toSorted(
    (a, b) => a.spec.matchingPrecedence - b.spec.matchingPrecedence || (a.metadata.name < b.metadata.name ? -1 : 1),
  )
}

/** Reads a FlowSchema. */
export function compileSchema(schema: FlowSchema): CompiledSchema {
  return { schema, rules: (schema.spec.rules ?? []).map(compileRule) }
}

function compileRule({ subjects, resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects): Rule {
  return {
    subjects: subjects ?? [],
    resources: resourceRules.map(compileResourceRule),
    paths: nonResourceRules.map(compilePathRule),
  }
}

function compileResourceRule(rule: ResourcePolicyRule): ResourceRule {
  return {
    verbs: names(rule.verbs),
    groups: names(rule.apiGroups),
    resources: names(rule.resources),
    namespaces: names(rule.namespaces),
    clusterScope: rule.clusterScope === true,
  }
}

function compilePathRule(rule: NonResourcePolicyRule): PathRule {
  return { verbs: names(rule.verbs), paths: rule.nonResourceURLs ?? [] }
}

/** The wildcard counts only when it stands alone, which validation sees to. */
function names(list: readonly string[] | null | undefined): Names {
  return list?.length === 1 && list[0] === '*' ? undefined : new Set(list)
}

/** What is left of the schemas for one user: most of matching, done once per user instead of once per request. */
export function rulesFor<S extends CompiledSchema>(schemas: readonly S[], user: UserInfo): readonly UserRules<S>[] {
  return schemas.flatMap((compiled) => {
    const rules = compiled.rules.filter(({ subjects }) => subjects.some((subject) => isSubject(user, subject)))
    return rules.length === 0 ? [] : [{ compiled, rules }]
  })
}

function isSubject({ name, groups }: UserInfo, { kind, user, group, serviceAccount }: Subject): boolean {
  if (kind === 'User') return user !== undefined && (user.name === '*' || user.name === name)
  if (kind === 'Group') return group !== undefined && (group.name === '*' || groups.includes(group.name))
  if (kind !== 'ServiceAccount' || serviceAccount === undefined) return false
  const accounts = `system:serviceaccount:${serviceAccount.namespace}:`
  return serviceAccount.name === '*' ? name.startsWith(accounts) : name === accounts + serviceAccount.name
}

/** The first schema with a rule for this request. */
export function matchRequest<S extends CompiledSchema>(
  candidates: readonly UserRules<S>[],
  info: RequestInfo,
): S | undefined {
  const resource = info.subresource === '' ? info.resource : `${info.resource}/${info.subresource}`
  for (const { compiled, rules } of candidates) {
    for (const rule of rules) {
      const matches = info.isResourceRequest ? matchesResource(rule, info, resource) : matchesPath(rule, info)
      if (matches) return compiled
    }
  }
  return undefined
}

function matchesResource({ resources }: Rule, { verb, group, namespace }: RequestInfo, resource: string): boolean {
  for (const rule of resources) {
    if (!has(rule.verbs, verb) || !has(rule.resources, resource) || !has(rule.groups, group)) continue
    if (namespace === '' ? rule.clusterScope : has(rule.namespaces, namespace)) return true
  }
  return false
}

function matchesPath({ paths }: Rule, { verb, path }: RequestInfo): boolean {
  return paths.some((rule) => has(rule.verbs, verb) && rule.paths.some((pattern) => isBelow(pattern, path)))
}

/** `/healthz` matches itself and what is below it, as `/healthz/*` does. */
function isBelow(pattern: string, path: string): boolean {
  if (pattern === '*' || pattern === path) return true
  const prefix = pattern.endsWith('*') ? pattern.slice(0, -1) : pattern
  return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`)
}

function has(set: Names, name: string): boolean {
  return set === undefined || set.has(name)
}
