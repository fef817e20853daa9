/** What objects use of a quota, by the names that quotas have for it. Pure. */
import { addQuantities, formatQuantity, type Quantity } from '../../apimachinery/quantity.ts'
import type { ApiObject } from '../resource.ts'
import { aggregateRequests, quantityOf } from './pod-resources.ts'
import type { PersistentVolumeClaim, Pod, ResourceQuota, Service } from './v1.ts'

/** The kind of an object, as far as quotas care. */
export type CountedKind = { readonly facts: { readonly group: string; readonly plural: string } }

/** Amounts by resource name. */
export type Amounts = ReadonlyMap<string, Quantity>

const one = quantityOf('1')
const computeResources = ['cpu', 'memory', 'ephemeral-storage']

/** The sum of two lists of amounts. */
export function addAmounts(a: Amounts, b: Amounts): Amounts {
  const sum = new Map(a)
  for (const [name, value] of b) {
    const before = sum.get(name)
    sum.set(name, before === undefined ? value : addQuantities(before, value))
  }
  return sum
}

/** Everything an object counts as. */
export function usageOf({ facts }: CountedKind, object: ApiObject): Amounts {
  const { group, plural } = facts
  const usage = new Map([[group === '' ? `count/${plural}` : `count/${plural}.${group}`, one]])
  if (group !== '') return usage
  switch (plural) {
    case 'pods':
      return addAmounts(usage, podUsage(object as unknown as Pod))
    case 'services':
      return addAmounts(usage, serviceUsage(object as unknown as Service))
    case 'persistentvolumeclaims':
      return addAmounts(usage, claimUsage(object as unknown as PersistentVolumeClaim))
    case 'configmaps':
    case 'secrets':
    case 'replicationcontrollers':
    case 'resourcequotas':
      return usage.set(plural, one)
    default:
      return usage
  }
}

/** Pods that have ended use nothing but their place in the store. */
function podUsage(pod: Pod): Amounts {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return new Map()
  const usage = new Map([['pods', one]])
  for (const [name, value] of podAmounts(pod, 'requests')) {
    usage.set(`requests.${name}`, value)
    if (computeResources.includes(name) || name.startsWith('hugepages-')) usage.set(name, value)
  }
  for (const [name, value] of podAmounts(pod, 'limits')) usage.set(`limits.${name}`, value)
  return usage
}

/**
 * What a pod asks for as a whole: its containers or what is said for the pod, plus overhead. Overhead makes no limit where
 * there is none. Source: component-helpers/resource `PodRequests`, `PodLimits`.
 */
export function podAmounts({ spec }: Pod, field: 'requests' | 'limits'): Amounts {
  const amounts = toAmounts({ ...aggregateRequests(spec, field), ...spec.resources?.[field] })
  const overhead = [...toAmounts(spec.overhead)]
  const counted = overhead.filter(([name]) => field === 'requests' || (amounts.get(name)?.nano ?? 0n) > 0n)
  return addAmounts(amounts, new Map(counted))
}

function toAmounts(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, quantityOf(text)]))
}

function serviceUsage({ spec }: Service): Amounts {
  const usage = new Map([['services', one]])
  const ports = spec.ports ?? []
  if (spec.type === 'LoadBalancer') usage.set('services.loadbalancers', one)
  const nodePorts =
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
      ? ports.length
      : ports.filter(({ nodePort }) => (nodePort ?? 0) !== 0).length
  if (nodePorts > 0) usage.set('services.nodeports', quantityOf(String(nodePorts)))
  return usage
}

function claimUsage(claim: PersistentVolumeClaim): Amounts {
  const usage = new Map([['persistentvolumeclaims', one]])
  const storage = claim.spec.resources?.requests?.['storage']
  if (storage !== undefined) usage.set('requests.storage', quantityOf(storage))
  const { storageClassName } = claim.spec
  if (storageClassName === undefined || storageClassName === '') return usage
  const prefix = `${storageClassName}.storageclass.storage.k8s.io`
  usage.set(`${prefix}/persistentvolumeclaims`, one)
  if (storage !== undefined) usage.set(`${prefix}/requests.storage`, quantityOf(storage))
  return usage
}

/** Whether a quota's scopes let it count this object. Quotas with scopes count pods only. */
export function isInScope({ spec }: ResourceQuota, resource: CountedKind, object: ApiObject): boolean {
  const scopes = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: undefined }))
  const all = [...scopes, ...(spec?.scopeSelector?.matchExpressions ?? [])]
  if (all.length === 0) return true
  if (resource.facts.group !== '' || resource.facts.plural !== 'pods') return false
  const pod = object as unknown as Pod
  return all.every(({ scopeName, operator, values }) => podInScope(pod, scopeName, operator, values ?? []))
}

function podInScope(pod: Pod, scope: string, operator: string, values: readonly string[]): boolean {
  const { activeDeadlineSeconds, priorityClassName = '' } = pod.spec
  switch (scope) {
    case 'Terminating':
      return activeDeadlineSeconds !== undefined && activeDeadlineSeconds >= 0
    case 'NotTerminating':
      return activeDeadlineSeconds === undefined || activeDeadlineSeconds < 0
    case 'BestEffort':
      return isBestEffort(pod)
    case 'NotBestEffort':
      return !isBestEffort(pod)
    case 'PriorityClass':
      return matchesValue(priorityClassName, operator, values)
    case 'CrossNamespacePodAffinity':
      return usesOtherNamespaces(pod)
    default:
      return false
  }
}

function matchesValue(value: string, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'In':
      return values.includes(value)
    case 'NotIn':
      return !values.includes(value)
    case 'Exists':
      return value !== ''
    case 'DoesNotExist':
      return value === ''
    default:
      return false
  }
}

function isBestEffort({ spec }: Pod): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].every(({ resources }) =>
    [resources?.requests, resources?.limits].every((list) =>
      Object.keys(list ?? {}).every((name) => name !== 'cpu' && name !== 'memory'),
    ),
  )
}

function usesOtherNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {}
  return [podAffinity, podAntiAffinity].some((affinity) =>
    [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
    ].some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined),
  )
}

/** Compute resources that a quota limits and a container does not state: `requests.cpu for: a,b`. */
export function missingAmounts(pod: Pod, limited: readonly string[]): readonly string[] {
  return limited
    .filter((name) => computeResources.includes(name.replace(/^(requests|limits)\./, '')))
    .toSorted()
    .flatMap((name) => {
      const field = name.startsWith('limits.') ? 'limits' : 'requests'
      const plain = name.replace(/^(requests|limits)\./, '')
      if (pod.spec.resources?.[field]?.[plain] !== undefined) return []
      const without = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
        .filter(({ resources }) => resources?.[field]?.[plain] === undefined)
        .map((container) => container.name)
        .toSorted()
      return without.length === 0 ? [] : [`${name} for: ${without.join(',')}`]
    })
}

/** `cpu=1,pods=2`, the names sorted. */
export function formatAmounts(amounts: Amounts): string {
  return [...amounts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${formatQuantity(value)}`)
    .join(',')
}
