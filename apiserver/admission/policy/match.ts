/** Whether a policy or binding is about a write, and in which version of its resource. Source: upstream's `policy/matching`. */
import type { MatchResources, NamedRuleWithOperations } from '../../../api/admissionregistration/v1.ts'
import type { Resource } from '../../../api/resource.ts'
import { type Selector, selectorFromLabelSelector } from '../../../apimachinery/selector/labels.ts'
import type { Lookup } from '../../registry/typed-reader.ts'
import type { AdmissionRequest } from '../admission.ts'
import { type Equivalents, matchesNamespace, matchesObject, matchesRule } from '../webhook/match.ts'

/** `MatchResources` with its selectors read. */
export type Match = {
  readonly rules: readonly NamedRuleWithOperations[]
  readonly excluded: readonly NamedRuleWithOperations[]
  readonly isExact: boolean
  readonly namespaceSelector: Selector
  readonly objectSelector: Selector
}

/** Reads the selectors once. */
export function matchOf(resources: MatchResources): Match {
  return {
    rules: resources.resourceRules ?? [],
    excluded: resources.excludeResourceRules ?? [],
    isExact: resources.matchPolicy === 'Exact',
    namespaceSelector: selectorFromLabelSelector(resources.namespaceSelector ?? {}),
    objectSelector: selectorFromLabelSelector(resources.objectSelector ?? {}),
  }
}

type Options = { readonly lookup: Lookup; readonly equivalents: Equivalents }

/** The resource in whose version the policy takes part; `undefined`: in none. Throws where the namespace is unknown. */
export async function matchedResource(
  match: Match,
  request: AdmissionRequest,
  { lookup, equivalents }: Options,
  signal: AbortSignal,
): Promise<Resource | undefined> {
  if (!matchesObject(match.objectSelector, request)) return undefined
  if (ruledResource(match.excluded, match, request, equivalents) !== undefined) return undefined
  const resource = match.rules.length === 0 ? request.resource : ruledResource(match.rules, match, request, equivalents)
  if (resource === undefined) return undefined
  return (await matchesNamespace(match.namespaceSelector, request, lookup, signal)) ? resource : undefined
}

function ruledResource(
  rules: readonly NamedRuleWithOperations[],
  { isExact }: Match,
  request: AdmissionRequest,
  equivalents: Equivalents,
): Resource | undefined {
  if (rules.length === 0) return undefined
  const wants = (resource: Resource) => (rule: NamedRuleWithOperations) =>
    matchesRule(rule, request, resource) && matchesName(rule, request)
  const { resource } = request
  if (rules.some(wants(resource))) return resource
  if (isExact) return undefined
  const others = equivalents(resource)
  for (const rule of rules) {
    const other = others.find((one) => wants(one)(rule))
    if (other !== undefined) return other
  }
  return undefined
}

function matchesName({ resourceNames = [] }: NamedRuleWithOperations, { name }: AdmissionRequest): boolean {
  return resourceNames.length === 0 || resourceNames.includes(name)
}
