/**
 * `pods/resize`: a running pod may get more or less CPU and memory; nothing else changes on this path.
 * Source: `ValidatePodResize` and `podResizeStrategy` of pkg/registry/core/pod, KEP-1287.
 */
import { forbiddenField, invalidValue } from '../../apimachinery/field-errors.ts'
import { type Causes, sameJson, when } from '../meta/causes.ts'
import { internalForm } from '../meta/internal-form.ts'
import { nextGeneration } from './pod.ts'
import { qosClass } from './pod-resources.ts'
import { validatePod } from './pod-validation.ts'
import { specDiff } from './spec-diff.ts'
import type { Container, Pod, PodSpec, ResourceRequirements } from './v1.ts'

/** The stored pod with the containers' resources of the wanted one. */
export function withResizedContainers(wanted: Pod, old: Pod): Pod {
  const spec = {
    ...old.spec,
    containers: resized(old.spec.containers, wanted.spec.containers),
    ...(old.spec.initContainers === undefined
      ? {}
      : { initContainers: resized(old.spec.initContainers, wanted.spec.initContainers ?? []) }),
  }
  const pod = { ...old, spec }
  return { ...pod, metadata: { ...old.metadata, generation: nextGeneration(pod, old) } }
}

function resized(before: readonly Container[], wanted: readonly Container[]): readonly Container[] {
  return before.map((container) => {
    const next = wanted.find(({ name }) => name === container.name)
    if (next === undefined) return container
    const { resizePolicy } = next
    return { ...container, resources: next.resources, ...(resizePolicy === undefined ? {} : { resizePolicy }) }
  })
}

/** What a resize may not do: `wanted` is what the client sent. */
export function validatePodResize(wanted: Pod, old: Pod): Causes {
  const pod = withResizedContainers(wanted, old)
  const qos = old.status.qosClass ?? qosClass(old.spec)
  return [
    ...validatePod(pod),
    ...when(old.spec.os?.name === 'windows', forbiddenField('[]', 'windows pods cannot be resized')),
    ...when(qosClass(pod.spec) !== qos, () =>
      invalidValue('spec', qos, 'Pod QOS Class may not change as a result of resizing'),
    ),
    ...compare(wanted.spec, old.spec),
    ...onlyResources(wanted.spec, pod.spec),
    ...onlyCpuAndMemory(pod.spec.containers, old.spec.containers, 'spec.containers'),
    ...onlyCpuAndMemory(pod.spec.initContainers, old.spec.initContainers, 'spec.initContainers'),
  ]
}

/** Whatever else the client has changed is refused, not ignored. */
function onlyResources(wanted: PodSpec, allowed: PodSpec): Causes {
  return when(!sameJson(wanted, allowed) && wanted.containers.length === allowed.containers.length, () =>
    forbiddenField(
      'spec',
      `only cpu and memory resources are mutable\n${specDiff(internalForm('core.v1.PodSpec', wanted), internalForm('core.v1.PodSpec', allowed))}`,
    ),
  )
}

function compare(wanted: PodSpec, old: PodSpec): Causes {
  return (['containers', 'initContainers'] as const).flatMap((list) =>
    when(
      (wanted[list] ?? []).length !== (old[list] ?? []).length,
      forbiddenField(
        `spec.${list}`,
        `${list === 'containers' ? 'containers' : 'init containers'} may not be added or removed on resize`,
      ),
    ),
  )
}

function onlyCpuAndMemory(now: readonly Container[] = [], before: readonly Container[] = [], field: string): Causes {
  return now.flatMap((container, index) => {
    const old = before[index]
    const path = `${field}[${index}].resources`
    return [
      ...when(
        !sameJson(others(container.resources), others(old?.resources)),
        forbiddenField(path, 'only cpu and memory resources are mutable'),
      ),
      ...(['limits', 'requests'] as const).flatMap((list) =>
        when(
          Object.keys(old?.resources?.[list] ?? {}).some(
            (name) => isResizable(name) && container.resources?.[list]?.[name] === undefined,
          ),
          forbiddenField(path, `resource ${list} cannot be removed`),
        ),
      ),
    ]
  })
}

function others({ limits = {}, requests = {}, claims }: ResourceRequirements = {}) {
  const rest = (list: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(list).filter(([name]) => !isResizable(name)))
  return { limits: rest(limits), requests: rest(requests), claims }
}

function isResizable(name: string): boolean {
  return name === 'cpu' || name === 'memory'
}
