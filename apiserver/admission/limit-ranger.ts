/** LimitRanger: default requests and limits of a namespace, and its minima, maxima and ratios. */
import type { Container, LimitRange, PersistentVolumeClaim, Pod } from '../../api/core/v1.ts'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
} from '../../apimachinery/quantity.ts'
import { joinErrors } from '../authn/join-errors.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { asApiObject, isAbout, newObject, refuse, unchanged } from './request.ts'

type Amounts = Readonly<Record<string, string>>
type Limit = NonNullable<NonNullable<LimitRange['spec']>['limits']>[number]

const annotation = 'kubernetes.io/limit-ranger'

/** The plugin. */
export function limitRanger(reader: ObjectReader): AdmissionPlugin {
  const ranges = (request: AdmissionRequest): readonly Limit[] =>
    readAll(reader, kinds.limitRanges, request.namespace).flatMap(({ spec }) => spec?.limits ?? [])
  return {
    name: 'LimitRanger',
    mutate: (request) => {
      const pod =
        request.operation === 'CREATE' && isAbout(request, kinds.pods) ? newObject(request, kinds.pods) : undefined
      if (pod === undefined) return unchanged(request)
      return asApiObject(ranges(request).reduce(withDefaults, pod))
    },
    validate: (request) => {
      if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return
      const errors = complaints(request, ranges(request))
      if (errors.length > 0) throw refuse(request, joinErrors(errors))
    },
  }
}

function complaints(request: AdmissionRequest, limits: readonly Limit[]): readonly string[] {
  const isNewPod = request.operation === 'CREATE' && isAbout(request, kinds.pods)
  // Only the resize subresource changes resources after creation.
  if (isNewPod || isAbout(request, kinds.pods, 'resize')) {
    const pod = newObject(request, kinds.pods)
    return pod === undefined ? [] : limits.flatMap((limit) => podComplaints(limit, pod))
  }
  if (!isAbout(request, kinds.persistentVolumeClaims)) return []
  const claim = newObject(request, kinds.persistentVolumeClaims)
  return claim === undefined ? [] : limits.flatMap((limit) => claimComplaints(limit, claim))
}

/** The pod with the defaults of one limit; what was set is noted in an annotation. */
export function withDefaults(pod: Pod, limit: Limit): Pod {
  if (limit.type !== 'Container') return pod
  const notes: string[] = []
  const merge = (container: Container, kind: string): Container => {
    const { container: merged, requests, limits } = mergeResources(container, limit)
    if (requests.length > 0) notes.push(`${requests.join(', ')} request for ${kind} ${container.name}`)
    if (limits.length > 0) notes.push(`${limits.join(', ')} limit for ${kind} ${container.name}`)
    return merged
  }
  const containers = pod.spec.containers.map((container) => merge(container, 'container'))
  const initContainers = pod.spec.initContainers?.map((container) => merge(container, 'init container'))
  if (notes.length === 0) return pod
  const annotations = { ...pod.metadata.annotations, [annotation]: `LimitRanger plugin set: ${notes.join('; ')}` }
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations },
    spec: { ...pod.spec, containers, ...(initContainers === undefined ? {} : { initContainers }) },
  }
}

function mergeResources(
  container: Container,
  limit: Limit,
): { readonly container: Container; readonly requests: readonly string[]; readonly limits: readonly string[] } {
  const resources = container.resources
  const absent = (own: Amounts | undefined, defaults: Amounts | undefined): readonly string[] =>
    Object.keys(defaults ?? {})
      .filter((name) => own?.[name] === undefined)
      .toSorted()
  const limits = absent(resources?.limits, limit.default)
  const requests = absent(resources?.requests, limit.defaultRequest)
  if (limits.length === 0 && requests.length === 0) return { container, requests, limits }
  const merged = {
    ...resources,
    ...(limits.length === 0 ? {} : { limits: { ...limit.default, ...resources?.limits } }),
    ...(requests.length === 0 ? {} : { requests: { ...limit.defaultRequest, ...resources?.requests } }),
  }
  return { container: { ...container, resources: merged }, requests, limits }
}

/** What one limit says against a pod. */
export function podComplaints(limit: Limit, pod: Pod): readonly string[] {
  if (limit.type === 'Container') {
    const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
    return containers.flatMap(({ resources }) => constraints(limit, resources?.requests ?? {}, resources?.limits ?? {}))
  }
  if (limit.type !== 'Pod') return []
  return constraints(limit, podSum(pod, 'requests'), podSum(pod, 'limits'))
}

function claimComplaints(limit: Limit, claim: PersistentVolumeClaim): readonly string[] {
  if (limit.type !== 'PersistentVolumeClaim') return []
  const requests = claim.spec.resources?.requests ?? {}
  return [
    ...Object.entries(limit.min ?? {}).flatMap(([name, value]) => minimum(limit.type, name, value, requests, {})),
    ...Object.entries(limit.max ?? {}).flatMap(([name, value]) => maximumRequest(limit.type, name, value, requests)),
  ]
}

/** Containers together, or the largest init container where that is more. */
function podSum({ spec }: Pod, field: 'requests' | 'limits'): Amounts {
  const sum: Record<string, Quantity> = {}
  for (const { resources } of spec.containers) {
    for (const [name, text] of Object.entries(resources?.[field] ?? {})) {
      const value = quantity(text)
      sum[name] = sum[name] === undefined ? value : addQuantities(sum[name], value)
    }
  }
  for (const { resources } of spec.initContainers ?? []) {
    for (const [name, text] of Object.entries(resources?.[field] ?? {})) {
      const value = quantity(text)
      if (sum[name] === undefined || compareQuantities(value, sum[name]) > 0) sum[name] = value
    }
  }
  return Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, formatQuantity(value)]))
}

function constraints(limit: Limit, requests: Amounts, limits: Amounts): readonly string[] {
  const { type, min = {}, max = {}, maxLimitRequestRatio = {} } = limit
  return [
    ...Object.entries(min).flatMap(([name, value]) => minimum(type, name, value, requests, limits)),
    ...Object.entries(max).flatMap(([name, value]) => maximum(type, name, value, requests, limits)),
    ...Object.entries(maxLimitRequestRatio).flatMap(([name, value]) => ratio(type, name, value, requests, limits)),
  ]
}

function minimum(type: string, name: string, enforced: string, requests: Amounts, limits: Amounts): readonly string[] {
  const start = `minimum ${name} usage per ${type} is ${enforced}`
  const [request, limit] = [requests[name], limits[name]]
  if (request === undefined) return [`${start}.  No request is specified`]
  if (isLess(request, enforced)) return [`${start}, but request is ${request}`]
  return limit !== undefined && isLess(limit, enforced) ? [`${start}, but limit is ${limit}`] : []
}

function maximum(type: string, name: string, enforced: string, requests: Amounts, limits: Amounts): readonly string[] {
  const start = `maximum ${name} usage per ${type} is ${enforced}`
  const [request, limit] = [requests[name], limits[name]]
  if (limit === undefined) return [`${start}.  No limit is specified`]
  if (isLess(enforced, limit)) return [`${start}, but limit is ${limit}`]
  return request !== undefined && isLess(enforced, request) ? [`${start}, but request is ${request}`] : []
}

function maximumRequest(type: string, name: string, enforced: string, requests: Amounts): readonly string[] {
  const start = `maximum ${name} usage per ${type} is ${enforced}`
  const request = requests[name]
  if (request === undefined) return [`${start}.  No request is specified`]
  return isLess(enforced, request) ? [`${start}, but request is ${request}`] : []
}

function ratio(type: string, name: string, enforced: string, requests: Amounts, limits: Amounts): readonly string[] {
  const start = `${name} max limit to request ratio per ${type} is ${enforced}`
  const request = quantity(requests[name] ?? '0').nano
  const limit = quantity(limits[name] ?? '0').nano
  if (request === 0n) return [`${start}, but no request is specified or request is 0`]
  if (limit === 0n) return [`${start}, but no limit is specified or limit is 0`]
  const observed = Number(limit) / Number(request)
  return observed > Number(quantity(enforced).nano) / 1e9
    ? [`${start}, but provided ratio is ${observed.toFixed(6)}`]
    : []
}

function isLess(a: string, b: string): boolean {
  return compareQuantities(quantity(a), quantity(b)) < 0
}

/** Amounts in stored and decoded objects are well-formed. */
function quantity(text: string): Quantity {
  return parseQuantity(text) ?? { nano: 0n, format: 'DecimalSI' }
}
