/** Priority: turns a pod's `priorityClassName` into the number and the preemption policy that the scheduler uses. */
import type { Pod } from '../../api/core/v1.ts'
import type { PriorityClass } from '../../api/scheduling/v1.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { asApiObject, isAbout, newObject, oldObject, refuse, unchanged } from './request.ts'

/** The plugin. */
export function priorityAdmission(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'Priority',
    mutate: (request) => {
      const pod = isAbout(request, kinds.pods) ? newObject(request, kinds.pods) : undefined
      if (pod === undefined) return unchanged(request)
      if (request.operation === 'UPDATE') return asApiObject(keepPriority(pod, oldObject(request, kinds.pods)))
      const result = withPriority(pod, readAll(reader, kinds.priorityClasses))
      if (typeof result === 'string') throw refuse(request, result)
      return asApiObject(result)
    },
    validate: (request) => refuseSecondDefault(request, readAll(reader, kinds.priorityClasses)),
  }
}

/** An update that leaves the number out keeps it. */
function keepPriority(pod: Pod, old: Pod | undefined): Pod {
  if (old === undefined || old.spec.priorityClassName !== pod.spec.priorityClassName) return pod
  const { priority, preemptionPolicy } = old.spec
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(pod.spec.priority === undefined && priority !== undefined ? { priority } : {}),
      ...(pod.spec.preemptionPolicy === undefined && preemptionPolicy !== undefined ? { preemptionPolicy } : {}),
    },
  }
}

/** The pod with its priority, or why it may not have it. */
export function withPriority(pod: Pod, classes: readonly PriorityClass[]): Pod | string {
  const wanted = pod.spec.priorityClassName ?? ''
  const chosen = wanted === '' ? defaultClass(classes) : classes.find(({ metadata }) => metadata.name === wanted)
  if (chosen === undefined && wanted !== '') return `no PriorityClass with name ${wanted} was found`
  const priority = chosen?.value ?? 0
  const preemptionPolicy = chosen?.preemptionPolicy ?? 'PreemptLowerPriority'
  const given = pod.spec
  if (given.priority !== undefined && given.priority !== priority) {
    return `the integer value of priority (${given.priority}) must not be provided in pod spec; priority admission controller computed ${priority} from the given PriorityClass name`
  }
  if (given.preemptionPolicy !== undefined && given.preemptionPolicy !== preemptionPolicy) {
    return `the string value of PreemptionPolicy (${given.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${preemptionPolicy} from the given PriorityClass name`
  }
  const priorityClassName = chosen?.metadata.name
  return {
    ...pod,
    spec: { ...given, priority, preemptionPolicy, ...(priorityClassName === undefined ? {} : { priorityClassName }) },
  }
}

/** Of several defaults the lowest counts. */
function defaultClass(classes: readonly PriorityClass[]): PriorityClass | undefined {
  return classes.filter(({ globalDefault }) => globalDefault === true).toSorted((a, b) => a.value - b.value)[0]
}

function refuseSecondDefault(request: AdmissionRequest, classes: readonly PriorityClass[]): void {
  if (request.operation === 'DELETE' || !isAbout(request, kinds.priorityClasses)) return
  const added = newObject(request, kinds.priorityClasses)
  if (added?.globalDefault !== true) return
  const other = classes.find((one) => one.globalDefault === true && one.metadata.name !== added.metadata.name)
  if (other === undefined) return
  throw refuse(request, `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`)
}
