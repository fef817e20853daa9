/** The audit policy: which requests are recorded, and how much of them. `audit.k8s.io/v1` `Policy`. Pure. */
import { invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import type { StatusCause } from '../../apimachinery/status.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'

export const auditLevels = ['None', 'Metadata', 'Request', 'RequestResponse'] as const
export type AuditLevel = (typeof auditLevels)[number]
export const auditStages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic'] as const
export type AuditStage = (typeof auditStages)[number]

type GroupResources = {
  readonly group: string
  readonly resources: readonly string[]
  readonly resourceNames: readonly string[]
}
type Rule = {
  readonly level: AuditLevel
  readonly users: readonly string[]
  readonly userGroups: readonly string[]
  readonly verbs: readonly string[]
  readonly resources: readonly GroupResources[]
  readonly namespaces: readonly string[]
  readonly nonResourceURLs: readonly string[]
  readonly omitStages: readonly string[]
  readonly omitManagedFields: boolean | undefined
}

/** What the policy says of one request. */
export type AuditDecision = {
  readonly level: AuditLevel
  readonly omitStages: ReadonlySet<string>
  readonly omitManagedFields: boolean
}
/** `user` is absent for requests that nobody was recognized behind. */
export type AuditPolicy = (info: RequestInfo, user: UserInfo | undefined) => AuditDecision

/** The policy cannot be used. */
export class AuditPolicyError extends Error {
  override readonly name = 'AuditPolicyError'
}

/** Reads and checks a policy; the first rule that matches a request decides. Throws `AuditPolicyError`. */
export function parseAuditPolicy(value: unknown): AuditPolicy {
  const fields = fieldsOf(value)
  const { apiVersion, kind } = fields
  if (apiVersion !== 'audit.k8s.io/v1' || kind !== 'Policy') {
    throw new AuditPolicyError(
      `failed decoding: no kind "${String(kind ?? '')}" is registered for version "${String(apiVersion ?? '')}"`,
    )
  }
  const policyStages = textsOf(fields['omitStages'])
  const rules = listOf(fields['rules']).map(toRule)
  const problems = [...stageProblems(policyStages, 'omitStages'), ...rules.flatMap(ruleProblems)]
  const texts = problems.map(({ field, message }) => `${field}: ${message}`)
  if (texts.length > 0) throw new AuditPolicyError(texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`)
  if (rules.length === 0) throw new AuditPolicyError('loaded illegal policy with 0 rules')
  return evaluator(rules, policyStages, fields['omitManagedFields'] === true)
}

function evaluator(rules: readonly Rule[], policyStages: readonly string[], omitManagedFields: boolean): AuditPolicy {
  const decisions = rules.map((rule) => ({
    rule,
    decision: {
      level: rule.level,
      omitStages: new Set([...policyStages, ...rule.omitStages]),
      omitManagedFields: rule.omitManagedFields ?? omitManagedFields,
    },
  }))
  const nothing: AuditDecision = { level: 'None', omitStages: new Set(policyStages), omitManagedFields }
  return (info, user) => decisions.find(({ rule }) => matches(rule, info, user))?.decision ?? nothing
}

function matches(rule: Rule, info: RequestInfo, user: UserInfo | undefined): boolean {
  if (rule.users.length > 0 && (user === undefined || !rule.users.includes(user.name))) return false
  if (rule.userGroups.length > 0 && user?.groups.some((group) => rule.userGroups.includes(group)) !== true) return false
  if (rule.verbs.length > 0 && !rule.verbs.includes(info.verb)) return false
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return matchesResource(rule, info)
  if (rule.nonResourceURLs.length === 0) return true
  return !info.isResourceRequest && rule.nonResourceURLs.some((spec) => matchesPath(spec, info.path))
}

function matchesPath(spec: string, path: string): boolean {
  if (spec === '*' || spec === path) return true
  return spec.endsWith('*') && path.startsWith(spec.replace(/\*+$/, ''))
}

function matchesResource({ namespaces, resources }: Rule, info: RequestInfo): boolean {
  if (!info.isResourceRequest) return false
  if (namespaces.length > 0 && !namespaces.includes(info.namespace)) return false
  return resources.length === 0 || resources.some((entry) => matchesEntry(entry, info))
}

function matchesEntry(entry: GroupResources, { group, resource, subresource, name }: RequestInfo): boolean {
  if (entry.group !== group && entry.group !== '*') return false
  if (entry.resources.length === 0) return true
  if (entry.resourceNames.length > 0 && !entry.resourceNames.includes(name)) return false
  const wanted = ['*', subresource === '' ? resource : `${resource}/${subresource}`, `${resource}/*`]
  if (subresource !== '') wanted.push(`*/${subresource}`)
  return entry.resources.some((one) => wanted.includes(one))
}

function toRule(value: unknown): Rule {
  const fields = fieldsOf(value)
  return {
    // Checked below, before anything is made of it.
    level: String(fields['level'] ?? '') as AuditLevel,
    users: textsOf(fields['users']),
    userGroups: textsOf(fields['userGroups']),
    verbs: textsOf(fields['verbs']),
    resources: listOf(fields['resources']).map((entry) => {
      const { group, resources, resourceNames } = fieldsOf(entry)
      return {
        group: typeof group === 'string' ? group : '',
        resources: textsOf(resources),
        resourceNames: textsOf(resourceNames),
      }
    }),
    namespaces: textsOf(fields['namespaces']),
    nonResourceURLs: textsOf(fields['nonResourceURLs']),
    omitStages: textsOf(fields['omitStages']),
    omitManagedFields: typeof fields['omitManagedFields'] === 'boolean' ? fields['omitManagedFields'] : undefined,
  }
}

function ruleProblems(rule: Rule, index: number): readonly StatusCause[] {
  const path = `rules[${index}]`
  const urls = `${path}.nonResourceURLs`
  const both = rule.nonResourceURLs.length > 0 && (rule.resources.length > 0 || rule.namespaces.length > 0)
  return [
    ...levelProblems(rule.level, `${path}.level`),
    ...rule.nonResourceURLs.flatMap((url, at) => urlProblems(url, `${urls}[${at}]`)),
    ...rule.resources.flatMap((entry) => resourceProblems(entry, `${path}.resources`)),
    ...stageProblems(rule.omitStages, `${path}.omitStages`),
    ...(both
      ? [
          invalidValue(
            urls,
            [...rule.nonResourceURLs],
            'rules cannot apply to both regular resources and non-resource URLs',
          ),
        ]
      : []),
  ]
}

function levelProblems(level: string, path: string): readonly StatusCause[] {
  if (level === '') return [required(path)]
  return auditLevels.some((known) => known === level) ? [] : [notSupported(path, level, auditLevels)]
}

function urlProblems(url: string, path: string): readonly StatusCause[] {
  if (url === '*') return []
  return [
    ...(url.startsWith('/') ? [] : [invalidValue(path, url, "non-resource URL rules must begin with a '/' character")]),
    ...(url.slice(0, -1).includes('*')
      ? [invalidValue(path, url, "non-resource URL wildcards '*' must be the final character of the rule")]
      : []),
  ]
}

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const subdomainProblem =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  "with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

function resourceProblems({ group, resources, resourceNames }: GroupResources, path: string): readonly StatusCause[] {
  return [
    ...(group === '' || group === '*' || (group.length <= 253 && subdomain.test(group))
      ? []
      : [invalidValue(`${path}.group`, group, subdomainProblem)]),
    ...(resourceNames.length > 0 && resources.length === 0
      ? [
          invalidValue(
            `${path}.resourceNames`,
            [...resourceNames],
            'using resourceNames requires at least one resource',
          ),
        ]
      : []),
  ]
}

function stageProblems(stages: readonly string[], path: string): readonly StatusCause[] {
  return stages.flatMap((stage, index) =>
    auditStages.some((known) => known === stage)
      ? []
      : [invalidValue(`${path}[${index}]`, stage, `allowed stages are ${auditStages.join(',')}`)],
  )
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  // A mapping of the file: its fields are looked at one by one.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter((one) => typeof one === 'string')
}
