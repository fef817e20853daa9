/** Whether a webhook wants to hear of a write, and in which version of the kind. Pure but for the namespace it asks for. */
import type { RuleWithOperations } from '../../../api/admissionregistration/v1.ts'
import type { ApiObject, Resource } from '../../../api/resource.ts'
import { matches, type Selector } from '../../../apimachinery/selector/labels.ts'
import { notFound } from '../../../apimachinery/status.ts'
import { find, kinds, type Lookup } from '../../registry/typed-reader.ts'
import type { AdmissionRequest } from '../admission.ts'
import type { Hook } from './hooks.ts'

/** Other served versions of the same stored objects. */
export type Equivalents = (resource: Resource) => readonly Resource[]

const group = 'admissionregistration.k8s.io'
/** What decides about admission is not itself admitted: a bad webhook must be removable. */
const exempt = new Set([
  'mutatingadmissionpolicies',
  'mutatingadmissionpolicybindings',
  'mutatingwebhookconfigurations',
  'validatingadmissionpolicies',
  'validatingadmissionpolicybindings',
  'validatingwebhookconfigurations',
])

/** Whether no webhook is asked about this. Source: `rules.IsExemptAdmissionConfigurationResource`. */
export function isExempt({ resource: { facts } }: AdmissionRequest): boolean {
  return facts.group === group && exempt.has(facts.plural)
}

/** The version of the resource in which the webhook takes part; `undefined`: in none. */
export async function invocationOf(
  { webhook, namespaceSelector, objectSelector }: Hook,
  request: AdmissionRequest,
  { lookup, equivalents }: { readonly lookup: Lookup; readonly equivalents: Equivalents },
  signal: AbortSignal,
): Promise<Resource | undefined> {
  const wants = (version: Resource): boolean =>
    (webhook.rules ?? []).some((rule) => matchesRule(rule, request, version))
  const { resource: sent } = request
  const others = wants(sent) || webhook.matchPolicy === 'Exact' ? [] : equivalents(sent)
  const resource = [sent, ...others].find(wants)
  if (resource === undefined || !matchesObject(objectSelector, request)) return undefined
  return (await matchesNamespace(namespaceSelector, request, lookup, signal)) ? resource : undefined
}

/** Source: `rules.Matcher`. */
export function matchesRule(rule: RuleWithOperations, request: AdmissionRequest, { facts }: Resource): boolean {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' } = rule
  return (
    includes(operations, request.operation) &&
    includes(apiGroups, facts.group) &&
    includes(apiVersions, facts.version) &&
    resources.some((pattern) => matchesResource(pattern, facts.plural, request.subresource)) &&
    (scope === '*' || (scope === 'Namespaced') === facts.namespaced)
  )
}

function includes(list: readonly string[], value: string): boolean {
  return list.includes('*') || list.includes(value)
}

/** `pods`, `pods/exec`, `pods/*`, `*`, `*\/scale` or `*\/*`. */
function matchesResource(pattern: string, plural: string, subresource: string): boolean {
  const [resource = '', sub = ''] = pattern.split('/')
  return (resource === '*' || resource === plural) && (sub === '*' || sub === subresource)
}

/** Either state of the object may match. */
export function matchesObject(selector: Selector, { object, oldObject }: AdmissionRequest): boolean {
  if (isEverything(selector)) return true
  return [object, oldObject].some((one) => one !== undefined && matches(selector, one.metadata.labels))
}

/** Whether the namespace of the write is meant. Throws `NotFound` for one that does not exist. */
export async function matchesNamespace(
  selector: Selector,
  request: AdmissionRequest,
  lookup: Lookup,
  signal: AbortSignal,
): Promise<boolean> {
  if (isEverything(selector)) return true
  const isNamespace = isOfNamespaces(request)
  if (isNamespace && request.subresource === '' && request.operation !== 'DELETE') {
    return matches(selector, labelsOf(request.object))
  }
  const name = isNamespace ? request.name : request.namespace
  // What is outside of namespaces is never exempted.
  if (name === '') return true
  const namespace = await find(lookup, kinds.namespaces, '', name, signal)
  if (namespace === undefined) throw notFound(kinds.namespaces.facts, name)
  return matches(selector, namespace.metadata.labels)
}

/** Whether the write is about a namespace itself. */
export function isOfNamespaces({ resource: { facts } }: AdmissionRequest): boolean {
  return facts.group === '' && facts.plural === 'namespaces'
}

function labelsOf(object: ApiObject | undefined): Readonly<Record<string, string>> {
  return object?.metadata.labels ?? {}
}

function isEverything({ requirements }: Selector): boolean {
  return requirements?.length === 0
}
