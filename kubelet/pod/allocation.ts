/**
 * What the node has granted a pod's containers, which may be less than what the spec asks for by now. Pure.
 * Source: KEP-1287. Upstream keeps this in a file; here the pod's own status is the memory.
 */
import { quantityOf } from '../../api/core/pod-resources.ts'
import type { Container, ContainerStatus, Pod, ResourceRequirements } from '../../api/core/v1.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'

/** Resources by name of container. */
export type Allocation = ReadonlyMap<string, ResourceRequirements>

/** Everything that the spec asks for. */
export function wantedAllocation({ spec }: Pod): Allocation {
  return new Map([...(spec.initContainers ?? []), ...spec.containers].map(({ name, resources }) => [name, resources]))
}

/** What was granted before, as the status tells it; what the spec asks for where it tells nothing. */
export function reportedAllocation(pod: Pod): Allocation {
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])]
  const told = new Map(statuses.map((status) => [status.name, status]))
  return new Map([...wantedAllocation(pod)].map(([name, wanted]) => [name, granted(wanted, told.get(name))] as const))
}

function granted(wanted: ResourceRequirements, status: ContainerStatus | undefined): ResourceRequirements {
  if (status?.resources === undefined || (status.containerID ?? '') === '') return wanted
  const { allocatedResources: requests } = status
  const { limits } = status.resources
  const { claims } = wanted
  return {
    ...(claims === undefined ? {} : { claims }),
    ...(limits === undefined ? {} : { limits }),
    ...(requests === undefined ? {} : { requests }),
  }
}

/** The pod as the node runs it: with what was granted instead of what is asked for. */
export function allocatedPod(pod: Pod, allocation: Allocation): Pod {
  if (isGranted(pod, allocation)) return pod
  const given = (container: Container): Container => ({
    ...container,
    resources: allocation.get(container.name) ?? container.resources,
  })
  const { initContainers, containers } = pod.spec
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(given) }),
      containers: containers.map(given),
    },
  }
}

/** Whether everything that the spec asks for is granted, in the same words or in others (`1` and `1000m`). */
export function isGranted(pod: Pod, allocation: Allocation): boolean {
  return [...wantedAllocation(pod)].every(([name, wanted]) => sameResources(wanted, allocation.get(name) ?? wanted))
}

/** Whether two lists of processor and memory mean the same. */
export function sameResources(a: ResourceRequirements, b: ResourceRequirements): boolean {
  return (['requests', 'limits'] as const).every((field) =>
    (['cpu', 'memory'] as const).every((name) => sameAmount(a[field]?.[name], b[field]?.[name])),
  )
}

function sameAmount(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return compareQuantities(quantityOf(a), quantityOf(b)) === 0
}
