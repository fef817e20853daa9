/** What policies of both kinds need to be asked about a write. */
import type { ApiObject } from '../../../api/resource.ts'
import type { JsonObject } from '../../../apimachinery/json.ts'
import { notFound } from '../../../apimachinery/status.ts'
import type { Authorizer } from '../../authz/authorizer.ts'
import { namespaceVariable } from '../../cel/namespace-variable.ts'
import { find, kinds, type Lookup } from '../../registry/typed-reader.ts'
import type { AdmissionRequest } from '../admission.ts'
import type { Equivalents } from '../webhook/match.ts'
import type { BindingHook } from './hooks.ts'
import { matchedResource } from './match.ts'
import type { PolicyMetrics } from './metrics.ts'
import type { ResourceOfKind } from './params.ts'

export type PolicyOptions = {
  readonly lookup: Lookup
  readonly equivalents: Equivalents
  readonly authorizer: Authorizer
  readonly resourceOfKind: ResourceOfKind
  readonly metrics: PolicyMetrics
}

const untouchable = new Set([
  'admissionregistration.k8s.io/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'authentication.k8s.io/selfsubjectreviews',
  'authentication.k8s.io/tokenreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
  'authorization.k8s.io/subjectaccessreviews',
])

/**
 * Policies themselves, and questions who somebody is and what they may do: a bad policy must be removable and not stop the cluster.
 * Source: upstream's `generic/plugin.go`, `pkg/kubeapiserver/admission/exclusion`.
 */
export function isUntouchable({ resource: { facts } }: AdmissionRequest): boolean {
  return untouchable.has(`${facts.group}/${facts.plural}`)
}

/** Whether a binding narrows its policy down to something else. */
export async function bindingMatches(
  { match }: BindingHook<unknown>,
  request: AdmissionRequest,
  options: PolicyOptions,
  signal: AbortSignal,
): Promise<boolean> {
  return match === undefined || (await matchedResource(match, request, options, signal)) !== undefined
}

/** `params` as expressions see them. */
export function paramsVariable(object: ApiObject | undefined): JsonObject | null {
  // Objects of the caches are JSON.
  return object === undefined ? null : (object as unknown as JsonObject)
}

/** `namespaceObject`: what is outside of namespaces has none, and a namespace has not itself. Throws `NotFound`. */
export async function requestNamespace(
  lookup: Lookup,
  request: AdmissionRequest,
  signal: AbortSignal,
): Promise<JsonObject | null> {
  const { namespace, resource } = request
  if (namespace === '' || resource.facts.kind === 'Namespace') return null
  const found = await find(lookup, kinds.namespaces, '', namespace, signal)
  if (found === undefined) throw notFound(kinds.namespaces.facts, namespace)
  return namespaceVariable(found as unknown as Parameters<typeof namespaceVariable>[0])
}
