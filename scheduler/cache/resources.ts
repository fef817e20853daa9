/**
 * What a pod asks for and what a node has, as plain numbers: milli-units of CPU, bytes, or counts.
 * Source: KEP-753 (sidecars), KEP-688 (overhead), KEP-2837 (pod-level resources), KEP-1287 (in-place resize).
 */
import type { Container, ContainerStatus, Pod } from '../../api/core/v1.ts'
import { milliValue, wholeValue } from '../../apimachinery/quantity.ts'

/** Amounts by resource. `scalar` holds hugepages and extended resources. */
export type Resources = {
  readonly milliCpu: number
  readonly memory: number
  readonly ephemeralStorage: number
  readonly scalar: ReadonlyMap<string, number>
}

type QuantityMap = Readonly<Record<string, string>>
type Amounts = Map<string, number>

const noScalars: ReadonlyMap<string, number> = new Map()

/** What scores assume of a container that requests nothing. Source: upstream `schedutil.DefaultMilliCPURequest`. */
const defaultMilliCpu = 100
const defaultMemoryBytes = 200 * 1024 * 1024

/** Nothing of anything. */
export const noResources: Resources = { milliCpu: 0, memory: 0, ephemeralStorage: 0, scalar: noScalars }

/** Reads a resource list of the API, such as `node.status.allocatable`. */
export function readResources(list: QuantityMap | undefined): Resources {
  return fromAmounts(amountsOf(list))
}

/** What the pod needs at its peak: the larger of its init phase and its running phase, plus overhead. */
export function podRequests(pod: Pod): Resources {
  return fromAmounts(totalOf(pod, (container) => containerAmounts(pod, container)))
}

/** As `podRequests`, with a small amount assumed for containers that request no CPU or memory; used by scores only. */
export function nonZeroRequests(pod: Pod): { readonly milliCpu: number; readonly memory: number } {
  const total = totalOf(pod, (container) => {
    const amounts = new Map(containerAmounts(pod, container))
    if (!amounts.has('cpu')) amounts.set('cpu', defaultMilliCpu)
    if (!amounts.has('memory')) amounts.set('memory', defaultMemoryBytes)
    return amounts
  })
  return { milliCpu: total.get('cpu') ?? 0, memory: total.get('memory') ?? 0 }
}

function totalOf(pod: Pod, amounts: (container: Container) => Amounts): Amounts {
  const { spec } = pod
  const running: Amounts = new Map()
  for (const container of spec?.containers ?? []) addTo(running, amounts(container))
  const peak: Amounts = new Map()
  const sidecars: Amounts = new Map()
  for (const container of spec?.initContainers ?? []) {
    const own = amounts(container)
    if (container.restartPolicy === 'Always') {
      addTo(running, own)
      addTo(sidecars, own)
      raiseTo(peak, sidecars)
    } else {
      const together = new Map(sidecars)
      addTo(together, own)
      raiseTo(peak, together)
    }
  }
  raiseTo(running, peak)
  for (const [name, amount] of amountsOf(spec?.resources?.requests)) {
    if (isPodLevelResource(name)) running.set(name, amount)
  }
  addTo(running, amountsOf(spec?.overhead))
  return running
}

function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}

/** While a resize is under way, the larger of what is asked for and what the kubelet has allocated counts. */
function containerAmounts(pod: Pod, container: Container): Amounts {
  const wanted = amountsOf(container.resources?.requests)
  const status = statusOf(pod, container.name)
  if (status === undefined) return wanted
  const held = amountsOf(status.allocatedResources)
  raiseTo(held, amountsOf(status.resources?.requests))
  if (isResizeInfeasible(pod)) return held.size > 0 ? held : wanted
  raiseTo(wanted, held)
  return wanted
}

function statusOf(pod: Pod, name: string): ContainerStatus | undefined {
  const { status } = pod
  if (status?.containerStatuses === undefined && status?.initContainerStatuses === undefined) return undefined
  return (
    status.containerStatuses?.find((each) => each.name === name) ??
    status.initContainerStatuses?.find((each) => each.name === name)
  )
}

function isResizeInfeasible(pod: Pod): boolean {
  return (pod.status?.conditions ?? []).some(
    ({ type, reason }) => type === 'PodResizePending' && reason === 'Infeasible',
  )
}

function amountsOf(list: QuantityMap | undefined): Amounts {
  const amounts: Amounts = new Map()
  if (list === undefined) return amounts
  for (const [name, quantity] of Object.entries(list)) {
    amounts.set(name, name === 'cpu' ? milliValue(quantity) : wholeValue(quantity))
  }
  return amounts
}

function addTo(total: Amounts, amounts: Amounts): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount)
}

function raiseTo(total: Amounts, amounts: Amounts): void {
  for (const [name, amount] of amounts) total.set(name, Math.max(total.get(name) ?? 0, amount))
}

function fromAmounts(amounts: Amounts): Resources {
  let scalar: Map<string, number> | undefined
  for (const [name, amount] of amounts) {
    if (name === 'cpu' || name === 'memory' || name === 'ephemeral-storage' || name === 'pods') continue
    if (amount === 0) continue
    scalar ??= new Map()
    scalar.set(name, amount)
  }
  return {
    milliCpu: amounts.get('cpu') ?? 0,
    memory: amounts.get('memory') ?? 0,
    ephemeralStorage: amounts.get('ephemeral-storage') ?? 0,
    scalar: scalar ?? noScalars,
  }
}
