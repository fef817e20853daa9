/** Subresources that are the object itself, of which a write changes one part only. */

import { validateCsrStatus } from '../../api/certificates/csr-status.ts'
import type { CertificateSigningRequest } from '../../api/certificates/v1.ts'
import { defaultPodSpec } from '../../api/core/pod-defaults.ts'
import { validatePodResize, withResizedContainers } from '../../api/core/pod-resize.ts'
import { validatePod } from '../../api/core/pod-validation.ts'
import type { Namespace, Pod } from '../../api/core/v1.ts'
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject } from '../../api/resource.ts'
import { forbiddenField } from '../../apimachinery/field-errors.ts'
import { invalid, type StatusCause } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { ApiRequest } from '../http/api-request.ts'
import { mediaTypeOf } from '../http/negotiation.ts'
import { asJson, asObject, served, writeOptions } from './answers.ts'
import type { SubresourceAnswer, SubresourceContext, SubresourceHandler } from './subresource.ts'

/** A part of an object that has a path of its own. */
type Part = {
  readonly group: string
  readonly plural: string
  readonly subresource: string
  readonly verbs: readonly string[]
  readonly definition: string
  /** The stored object with the part of the wanted one; throws to refuse. */
  readonly merge: (current: ApiObject, wanted: ApiObject, nowMs: number) => ApiObject
  /** What is wrong with the result, with its defaults filled in. */
  readonly causes?: (object: ApiObject) => readonly StatusCause[]
}

const parts: readonly Part[] = [
  {
    group: '',
    plural: 'pods',
    subresource: 'ephemeralcontainers',
    verbs: ['get', 'update', 'patch'],
    definition: 'core.v1.Pod',
    merge: (current, wanted) =>
      asObject(withEphemeralContainers(current as unknown as Pod, defaulted(wanted as unknown as Pod))),
    causes: podCauses,
  },
  {
    group: '',
    plural: 'pods',
    subresource: 'resize',
    verbs: ['get', 'update', 'patch'],
    definition: 'core.v1.Pod',
    merge: (current, wanted) => asObject(resized(current as unknown as Pod, wanted as unknown as Pod)),
  },
  {
    group: 'certificates.k8s.io',
    plural: 'certificatesigningrequests',
    subresource: 'approval',
    verbs: ['get', 'update', 'patch'],
    definition: 'certificates.v1.CertificateSigningRequest',
    merge: (current, wanted, nowMs) =>
      asObject(
        withApproval(
          current as unknown as CertificateSigningRequest,
          wanted as unknown as CertificateSigningRequest,
          formatTime(nowMs),
        ),
      ),
  },
]

/** `pods/ephemeralcontainers`, `pods/resize`, `certificatesigningrequests/approval` and `namespaces/finalize`. */
export const partialUpdateHandlers: readonly SubresourceHandler[] = [
  ...parts.map(partHandler),
  {
    group: '',
    plural: 'namespaces',
    subresource: 'finalize',
    verbs: ['update'],
    handle: async (request, _, context) => await finalize(request, context),
  },
]

function podCauses(object: ApiObject): readonly StatusCause[] {
  return validatePod(object as unknown as Pod)
}

function partHandler(part: Part): SubresourceHandler {
  const { group, plural, subresource, verbs } = part
  return {
    group,
    plural,
    subresource,
    verbs,
    handle: async (request, _, context) => {
      const { namespace, name } = request.info
      const resource = served(context.store, group, plural)
      const key = { namespace: resource.facts.namespaced ? namespace : '', name }
      if (request.info.verb === 'get') {
        return { code: 200, object: asJson(await context.store.get(resource, key, request.signal)) }
      }
      const object = await context.store.update(
        resource,
        key,
        async (current) => {
          const wanted = asObject(await context.changedObject(request, part.definition, asJson(current)))
          const changed = part.merge(current, wanted, context.clock.now())
          const merged = resource.defaults?.(changed) ?? changed
          const causes = part.causes?.(merged) ?? []
          if (causes.length > 0) throw invalid(resource.facts, name, causes)
          return withVersionOf(isApply(request) ? withManagersOf(merged, wanted) : merged, wanted)
        },
        { ...writeOptions(request), subresource, strategy: 'asGiven', keepManagedFields: isApply(request) },
        request.signal,
      )
      return { code: 200, object: asJson(object) }
    },
  }
}

function isApply({ incoming, info }: ApiRequest): boolean {
  return info.verb === 'patch' && mediaTypeOf(incoming.headers) === 'application/apply-patch+yaml'
}

/** An apply has settled already who holds what. */
function withManagersOf(merged: ApiObject, { metadata }: ApiObject): ApiObject {
  const { managedFields } = metadata
  return managedFields === undefined ? merged : { ...merged, metadata: { ...merged.metadata, managedFields } }
}

/** Keeps the version that the client has read, so that the store can see a conflict. */
function withVersionOf(merged: ApiObject, { metadata }: ApiObject): ApiObject {
  const { resourceVersion } = metadata
  return { ...merged, metadata: { ...merged.metadata, resourceVersion } }
}

const mirrorPodAnnotation = 'kubernetes.io/config.mirror'

/** Takes the containers' resources over; what else the client has changed is refused. */
export function resized(current: Pod, wanted: Pod): Pod {
  const isStatic = current.metadata.annotations?.[mirrorPodAnnotation] !== undefined
  const causes = isStatic
    ? [forbiddenField('', 'static pods cannot be resized')]
    : validatePodResize(defaulted(wanted), current)
  if (causes.length > 0) throw invalid({ group: '', kind: 'Pod' }, current.metadata.name, causes)
  return withResizedContainers(wanted, current)
}

/** A client that writes the whole pod may leave out what the server had filled in. */
function defaulted(pod: Pod): Pod {
  return { ...pod, spec: defaultPodSpec(pod.spec) }
}

/** Containers may be added, never changed or taken away. */
export function withEphemeralContainers(current: Pod, wanted: Pod): Pod {
  const before = current.spec.ephemeralContainers ?? []
  const after = wanted.spec.ephemeralContainers ?? []
  const causes = before.flatMap((container): readonly StatusCause[] => {
    const now = after.find(({ name }) => name === container.name)
    const words = (what: string): string => `existing ephemeral containers "${container.name}" may not be ${what}\n`
    if (now === undefined) return [forbiddenField('spec.ephemeralContainers', words('removed'))]
    const isSame = sameJson(now, container)
    return isSame ? [] : [forbiddenField('spec.ephemeralContainers', words('changed'))]
  })
  if (causes.length > 0) throw invalid({ group: '', kind: 'Pod' }, current.metadata.name, causes)
  if (sameJson(before, after)) return current
  const generation = (current.metadata.generation ?? 0) + 1
  return {
    ...current,
    metadata: { ...current.metadata, generation },
    spec: { ...current.spec, ephemeralContainers: after },
  }
}

/** Takes the conditions and metadata over; what is approved or denied stays so. */
export function withApproval(
  current: CertificateSigningRequest,
  wanted: CertificateSigningRequest,
  time: string,
): CertificateSigningRequest {
  const before = current.status?.conditions ?? []
  const given = wanted.status?.conditions ?? []
  const kind = { group: 'certificates.k8s.io', kind: 'CertificateSigningRequest' }
  const conditions = given.map((condition) => {
    const old = before.find(({ type }) => type === condition.type)
    const isSame = old !== undefined && old.status === condition.status
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? time,
      lastTransitionTime: condition.lastTransitionTime ?? (isSame ? old.lastTransitionTime : undefined) ?? time,
    }
  })
  const status = { ...current.status, conditions }
  const causes = validateCsrStatus(status, current.status ?? {}, 'approval')
  if (causes.length > 0) throw invalid(kind, current.metadata.name, causes)
  return { ...current, metadata: wanted.metadata, status }
}

/** Takes `spec.finalizers` over; a namespace that is going away and has none left is gone. */
async function finalize(request: ApiRequest, context: SubresourceContext): Promise<SubresourceAnswer> {
  const { store } = context
  const { name } = request.info
  const resource = served(store, '', 'namespaces')
  const key = { namespace: '', name }
  const options = writeOptions(request)
  const object = await store.update(
    resource,
    key,
    async (current) => {
      const wanted = await context.changedObject(request, 'core.v1.Namespace', asJson(current))
      const { finalizers } = (wanted as unknown as Namespace).spec ?? {}
      const namespace = current as unknown as Namespace
      const { finalizers: _old, ...spec } = namespace.spec ?? {}
      const isEmpty = finalizers === undefined || finalizers.length === 0
      const merged = asObject({ ...namespace, spec: isEmpty ? spec : { ...spec, finalizers } })
      return withVersionOf(merged, asObject(wanted))
    },
    { ...options, subresource: 'finalize', strategy: 'asGiven' },
    request.signal,
  )
  return { code: 200, object: asJson(object) }
}
