/**
 * What a pod asks for as a whole. Source: component-helpers/resource, and KEP-2837 (pod-level resources).
 */
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
} from '../../apimachinery/quantity.ts'
import type { Container, PodSpec } from './v1.ts'

export type ResourceList = Readonly<Record<string, string>>

const zero: Quantity = { nano: 0n, format: 'DecimalSI' }

/** A quantity, or zero where the text is none. */
export function quantityOf(text: string | undefined): Quantity {
  return (text === undefined ? undefined : parseQuantity(text)) ?? zero
}

/** Whether a pod as a whole may ask for this resource. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}

/** The sum of the containers' requests, where init containers run one after the other and sidecars stay. */
export function aggregateRequests(spec: PodSpec, pick: 'requests' | 'limits' = 'requests'): ResourceList {
  let total = sum((spec.containers ?? []).map((container) => container.resources?.[pick] ?? {}))
  let sidecars: ResourceList = {}
  let peak: ResourceList = {}
  for (const container of spec.initContainers ?? []) {
    const wanted = container.resources?.[pick] ?? {}
    if (isSidecar(container)) {
      total = sum([total, wanted])
      sidecars = sum([sidecars, wanted])
      peak = max(peak, sidecars)
    } else peak = max(peak, sum([sidecars, wanted]))
  }
  return max(total, peak)
}

/** An init container that keeps running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

/** Fills in pod-level requests where pod-level limits are given. Source: `defaultPodRequests`. */
export function podLevelResources(spec: PodSpec): PodSpec {
  const limits = spec.resources?.limits ?? {}
  if (spec.resources === undefined || Object.keys(limits).length === 0) return spec
  const fromContainers = Object.entries(aggregateRequests(spec)).filter(
    ([name]) => isPodLevelResource(name) && !name.startsWith('hugepages-'),
  )
  const fromLimits = Object.entries(limits).filter(([name]) => isPodLevelResource(name))
  const requests = {
    ...Object.fromEntries(fromLimits),
    ...Object.fromEntries(fromContainers),
    ...spec.resources.requests,
  }
  return { ...spec, resources: { ...spec.resources, requests } }
}

function sum(lists: readonly ResourceList[]): ResourceList {
  return lists.reduce((total, list) => combine(total, list, addQuantities), {})
}

function max(a: ResourceList, b: ResourceList): ResourceList {
  return combine(a, b, (x, y) => (compareQuantities(x, y) < 0 ? y : x))
}

function combine(a: ResourceList, b: ResourceList, join: (x: Quantity, y: Quantity) => Quantity): ResourceList {
  const joined = Object.entries(b).map(([name, text]) => {
    const mine = a[name]
    return [name, mine === undefined ? text : formatQuantity(join(quantityOf(mine), quantityOf(text)))] as const
  })
  return { ...a, ...Object.fromEntries(joined) }
}

/** How the node treats the pod when memory runs out. Source: `qos.ComputePodQOS`. */
export function qosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const all = podOwners(spec).map((resources) => ({
    requests: computeOnly(resources.requests),
    limits: computeOnly(resources.limits),
  }))
  if (all.every(({ requests, limits }) => isNothing(requests) && isNothing(limits))) return 'BestEffort'
  const guaranteed = all.every(
    ({ requests, limits }) =>
      limits['cpu'] !== undefined &&
      limits['memory'] !== undefined &&
      Object.keys(requests).length === Object.keys(limits).length &&
      Object.entries(requests).every(
        ([name, text]) => compareQuantities(quantityOf(limits[name]), quantityOf(text)) === 0,
      ),
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

/** Pod-level resources stand for all containers where they are given. */
function podOwners(spec: PodSpec): readonly { requests?: ResourceList; limits?: ResourceList }[] {
  if (spec.resources !== undefined) return [spec.resources]
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources ?? {})
}

function computeOnly(list: ResourceList = {}): ResourceList {
  return Object.fromEntries(
    Object.entries(list).filter(([name, text]) => (name === 'cpu' || name === 'memory') && quantityOf(text).nano > 0n),
  )
}

function isNothing(list: ResourceList): boolean {
  return Object.keys(list).length === 0
}
