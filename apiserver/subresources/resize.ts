/** `pods/resize`: new amounts of CPU and memory for containers that run; nothing else of the pod changes. Pure. */
import { qosClass } from '../../api/core/pod-resources.ts'
import type { Container, Pod } from '../../api/core/v1.ts'
import { forbiddenField, invalidValue } from '../../apimachinery/field-errors.ts'
import { invalid, type StatusCause } from '../../apimachinery/status.ts'

type Amounts = Readonly<Record<string, string>>

const resizable = new Set(['cpu', 'memory'])
const mirrorPodAnnotation = 'kubernetes.io/config.mirror'

/** The stored pod with the wanted resources; throws `Invalid` for what a resize may not do. */
export function withResize(current: Pod, wanted: Pod): Pod {
  const containers = resized(current.spec.containers, wanted.spec.containers)
  const initContainers = resized(current.spec.initContainers ?? [], wanted.spec.initContainers ?? [])
  const next: Pod = {
    ...current,
    spec: { ...current.spec, containers, ...(initContainers.length === 0 ? {} : { initContainers }) },
  }
  const causes = resizeCauses(next, current)
  if (causes.length > 0) throw invalid({ group: '', kind: 'Pod' }, current.metadata.name, causes)
  if (JSON.stringify(next.spec) === JSON.stringify(current.spec)) return current
  return { ...next, metadata: { ...next.metadata, generation: (current.metadata.generation ?? 0) + 1 } }
}

/** By name: containers cannot come or go. */
function resized(current: readonly Container[], wanted: readonly Container[]): readonly Container[] {
  return current.map((container) => {
    const resources = wanted.find(({ name }) => name === container.name)?.resources
    return resources === undefined ? container : { ...container, resources }
  })
}

function resizeCauses(next: Pod, current: Pod): readonly StatusCause[] {
  if (current.metadata.annotations?.[mirrorPodAnnotation] !== undefined) {
    return [forbiddenField('', 'static pods cannot be resized')]
  }
  if (current.spec.os?.name === 'windows') return [forbiddenField('', 'windows pods cannot be resized')]
  const quality = qosClass(current.spec)
  const changesQuality = qosClass(next.spec) !== quality
  return [
    ...next.spec.containers.flatMap((container, index) =>
      containerCauses(`spec.containers[${index}].resources`, container, current.spec.containers[index]),
    ),
    ...(next.spec.initContainers ?? []).flatMap((container, index) =>
      containerCauses(`spec.initContainers[${index}].resources`, container, current.spec.initContainers?.[index]),
    ),
    ...(changesQuality ? [invalidValue('spec', quality, 'Pod QOS Class may not change as a result of resizing')] : []),
  ]
}

function containerCauses(field: string, { resources }: Container, old: Container | undefined): readonly StatusCause[] {
  return (['limits', 'requests'] as const).flatMap((kind) => {
    const [after, before]: readonly Amounts[] = [resources?.[kind] ?? {}, old?.resources?.[kind] ?? {}]
    const names = [...new Set([...Object.keys(after ?? {}), ...Object.keys(before ?? {})])]
    const changed = names.filter((name) => after?.[name] !== before?.[name])
    if (changed.some((name) => !resizable.has(name))) {
      return [forbiddenField(`${field}.${kind}`, 'only cpu and memory resources are mutable')]
    }
    const isRemoved = changed.some((name) => after?.[name] === undefined)
    return isRemoved ? [forbiddenField(`${field}.${kind}`, `resource ${kind} cannot be removed`)] : []
  })
}
