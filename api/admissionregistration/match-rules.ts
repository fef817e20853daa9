/** Which requests a webhook or policy is about. Source: pkg/apis/admissionregistration/validation and v1/defaults.go. */
import { duplicate, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isPathSegmentName } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import type { MatchResources, NamedRuleWithOperations, RuleWithOperations } from './v1.ts'

type Rule = Pick<RuleWithOperations, 'operations' | 'apiGroups' | 'apiVersions' | 'resources' | 'scope'>

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const scopes = ['*', 'Cluster', 'Namespaced']
export const matchPolicies = ['Equivalent', 'Exact']

/** Defaults of one rule. */
export function defaultRule<T extends Rule>(rule: T): T {
  return { ...rule, scope: rule.scope ?? '*' }
}

/** Defaults of what a policy or binding matches. */
export function defaultMatch(match: MatchResources): MatchResources {
  const rules = (list: readonly NamedRuleWithOperations[]) => list.map(defaultRule)
  return {
    ...match,
    matchPolicy: match.matchPolicy ?? 'Equivalent',
    namespaceSelector: match.namespaceSelector ?? {},
    objectSelector: match.objectSelector ?? {},
    ...(match.resourceRules === undefined ? {} : { resourceRules: rules(match.resourceRules) }),
    ...(match.excludeResourceRules === undefined ? {} : { excludeResourceRules: rules(match.excludeResourceRules) }),
  }
}

/** Rules of what a policy or binding matches. */
export function validateMatch(match: MatchResources | undefined, field: string): Causes {
  if (match === undefined) return []
  const { matchPolicy, namespaceSelector, objectSelector } = match
  return [
    ...(matchPolicy === undefined
      ? [required(`${field}.matchPolicy`)]
      : oneOf(`${field}.matchPolicy`, matchPolicy, matchPolicies)),
    ...(namespaceSelector === undefined
      ? [required(`${field}.namespaceSelector`)]
      : validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`)),
    ...(objectSelector === undefined
      ? [required(`${field}.objectSelector`)]
      : validateLabelSelector(objectSelector, `${field}.objectSelector`)),
    ...each(`${field}.resourceRules`, match.resourceRules, validateNamedRule),
    ...each(`${field}.excludeResourceRules`, match.excludeResourceRules, validateNamedRule),
  ]
}

function validateNamedRule(rule: NamedRuleWithOperations, field: string): Causes {
  const again = new Set(repeats(rule.resourceNames ?? []))
  return [
    ...each(`${field}.resourceNames`, rule.resourceNames, (name, path, index) => [
      ...invalidValues(path, name, isPathSegmentName(name)),
      ...when(again.has(index), duplicate(path, name)),
    ]),
    ...validateRule(rule, field),
  ]
}

/** Rules of one rule of a webhook, policy or binding. */
export function validateRule(rule: Rule, field: string): Causes {
  const { operations: asked = [], apiGroups = [], apiVersions = [], scope } = rule
  return [
    ...when(asked.length === 0, required(`${field}.operations`)),
    ...starAlone(asked, `${field}.operations`, 'operations'),
    ...each(`${field}.operations`, asked, (operation, path) => oneOf(path, operation, operations)),
    ...when(apiGroups.length === 0, required(`${field}.apiGroups`)),
    ...starAlone(apiGroups, `${field}.apiGroups`, 'API groups'),
    ...when(apiVersions.length === 0, required(`${field}.apiVersions`)),
    ...starAlone(apiVersions, `${field}.apiVersions`, 'API versions'),
    ...each(`${field}.apiVersions`, apiVersions, (version, path) => when(version === '', required(path))),
    ...validateResources(rule.resources ?? [], `${field}.resources`),
    ...when(scope !== undefined && !scopes.includes(scope), notSupported(`${field}.scope`, scope, scopes)),
  ]
}

function starAlone(list: readonly string[], field: string, others: string): Causes {
  return when(
    list.length > 1 && list.includes('*'),
    invalidValue(field, list, `if '*' is present, must not specify other ${others}`),
  )
}

/** `pods`, `pods/status`, `pods/*`, `*`/`scale` and the like; what one covers must not be named again after it. */
function validateResources(resources: readonly string[], field: string): Causes {
  const allOf = new Set<string>()
  const everywhere = new Set<string>()
  const lastPlain = resources.findLast((resource) => resource !== '' && !resource.includes('/'))
  return [
    ...when(resources.length === 0, required(field)),
    ...each(field, resources, (resource, path) => {
      if (resource === '') return [required(path)]
      const at = resource.indexOf('/')
      if (at < 0) return []
      const [plural, subresource] = [resource.slice(0, at), resource.slice(at + 1)]
      const covered = [
        ...(allOf.has(plural) ? [`${plural}/*`] : []),
        ...(everywhere.has(subresource) ? [`*/${subresource}`] : []),
      ]
      if (subresource === '*') allOf.add(plural)
      if (plural === '*') everywhere.add(subresource)
      return covered.map((by) => invalidValue(path, resource, `if '${by}' is present, must not specify ${resource}`))
    }),
    ...when(
      resources.length > 1 && resources.includes('*/*'),
      invalidValue(field, resources, "if '*/*' is present, must not specify other resources"),
    ),
    // Upstream looks at the last one without a subresource only.
    ...when(
      resources.includes('*') && lastPlain !== '*',
      invalidValue(field, resources, "if '*' is present, must not specify other resources without subresources"),
    ),
  ]
}
