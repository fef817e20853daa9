/**
 * What one RBAC rule allows. Pure: the request's attributes and a rule in, a verdict out.
 * Source: RBAC authorization, "Referring to resources" and "Aggregated ClusterRoles".
 */

/** One rule of a Role or ClusterRole. */
export type PolicyRule = {
  readonly verbs: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly nonResourceURLs?: readonly string[]
}

/** What is asked for, as rules see it. */
export type Action =
  | {
      readonly type: 'resource'
      readonly verb: string
      readonly apiGroup: string
      readonly resource: string
      readonly subresource: string
      readonly name: string
    }
  | { readonly type: 'url'; readonly verb: string; readonly path: string }

/** Whether this rule lets the action through. */
export function ruleAllows(rule: PolicyRule, action: Action): boolean {
  if (!matchesOrAll(rule.verbs, action.verb)) return false
  if (action.type === 'url') return urlMatches(rule.nonResourceURLs ?? [], action.path)
  return (
    matchesOrAll(rule.apiGroups ?? [], action.apiGroup) &&
    resourceMatches(rule.resources ?? [], action.resource, action.subresource) &&
    nameMatches(rule.resourceNames ?? [], action.name)
  )
}

function matchesOrAll(allowed: readonly string[], wanted: string): boolean {
  return allowed.includes('*') || allowed.includes(wanted)
}

function resourceMatches(allowed: readonly string[], resource: string, subresource: string): boolean {
  const combined = subresource === '' ? resource : `${resource}/${subresource}`
  return allowed.some((one) => one === '*' || one === combined || (subresource !== '' && one === `*/${subresource}`))
}

function nameMatches(allowed: readonly string[], name: string): boolean {
  return allowed.length === 0 || allowed.includes(name)
}

function urlMatches(allowed: readonly string[], path: string): boolean {
  return allowed.some((one) => one === '*' || one === path || (one.endsWith('*') && path.startsWith(trimStars(one))))
}

function trimStars(text: string): string {
  return text.replace(/\*+$/, '')
}

/** The parts of `wanted` that no rule of `owned` covers; what a user without the `escalate` verb may not grant. */
export function uncoveredRules(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  return wanted.flatMap(breakDown).filter((part) => !owned.some((rule) => covers(rule, part)))
}

/** Splits a rule into rules of one verb on one resource, name or URL. */
function breakDown(rule: PolicyRule): readonly PolicyRule[] {
  const names = rule.resourceNames ?? []
  const onResources = (rule.apiGroups ?? []).flatMap((group) =>
    (rule.resources ?? []).flatMap((resource) =>
      rule.verbs.flatMap((verb) => {
        const part = { apiGroups: [group], resources: [resource], verbs: [verb] }
        return names.length === 0 ? [part] : names.map((name) => ({ ...part, resourceNames: [name] }))
      }),
    ),
  )
  const onUrls = (rule.nonResourceURLs ?? []).flatMap((url) =>
    rule.verbs.map((verb) => ({ nonResourceURLs: [url], verbs: [verb] })),
  )
  return [...onResources, ...onUrls]
}

function covers(owner: PolicyRule, part: PolicyRule): boolean {
  const ownerNames = owner.resourceNames ?? []
  const partNames = part.resourceNames ?? []
  return (
    coversAll(owner.verbs, part.verbs) &&
    coversAll(owner.apiGroups ?? [], part.apiGroups ?? []) &&
    (part.resources ?? []).every((resource) => resourceCovered(owner.resources ?? [], resource)) &&
    (ownerNames.length === 0 || (partNames.length > 0 && partNames.every((name) => ownerNames.includes(name)))) &&
    (part.nonResourceURLs ?? []).every((url) => urlMatches(owner.nonResourceURLs ?? [], url))
  )
}

function coversAll(owner: readonly string[], wanted: readonly string[]): boolean {
  return owner.includes('*') || wanted.every((one) => owner.includes(one))
}

function resourceCovered(owner: readonly string[], wanted: string): boolean {
  const slash = wanted.indexOf('/')
  return owner.includes('*') || owner.includes(wanted) || (slash >= 0 && owner.includes(`*/${wanted.slice(slash + 1)}`))
}

/** Joins the verbs of rules that name the same single group, resource and name. */
export function compactRules(rules: readonly PolicyRule[]): readonly PolicyRule[] {
  const simple = new Map<string, PolicyRule>()
  const others: PolicyRule[] = []
  for (const rule of rules) {
    const key = simpleKey(rule)
    if (key === undefined) others.push(rule)
    else {
      const before = simple.get(key)
      simple.set(key, before === undefined ? rule : { ...before, verbs: [...before.verbs, ...rule.verbs] })
    }
  }
  return [...others, ...simple.values()]
}

function simpleKey(rule: PolicyRule): string | undefined {
  if ((rule.resourceNames ?? []).length > 1 || (rule.nonResourceURLs ?? []).length > 0) return undefined
  if (rule.apiGroups?.length !== 1 || rule.resources?.length !== 1) return undefined
  return JSON.stringify([rule.apiGroups[0], rule.resources[0], rule.resourceNames?.[0]])
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`, as escalation messages show a rule. */
export function describeRule(rule: PolicyRule): string {
  const parts = [
    part('APIGroups', rule.apiGroups),
    part('Resources', rule.resources),
    part('NonResourceURLs', rule.nonResourceURLs),
    part('ResourceNames', rule.resourceNames),
    part('Verbs', rule.verbs),
  ]
  return `{${parts.filter((text) => text !== '').join(', ')}}`
}

function part(label: string, values: readonly string[] | undefined): string {
  return values === undefined || values.length === 0 ? '' : `${label}:${quotedList(values)}`
}

/** `["a" "b"]`. */
export function quotedList(values: readonly string[]): string {
  return `[${values.map((value) => JSON.stringify(value)).join(' ')}]`
}
