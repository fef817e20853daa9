/** RuntimeClass: a pod takes over the overhead and the scheduling rules of its runtime class. */

import type { Pod } from '../../api/core/v1.ts'
import { sameJson } from '../../api/meta/causes.ts'
import type { RuntimeClass } from '../../api/node/v1.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { asApiObject, isAbout, newObject, refuse, unchanged } from './request.ts'

/** The plugin. */
export function runtimeClassAdmission(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'RuntimeClass',
    mutate: (request) => {
      const isCreate = request.operation === 'CREATE' && isAbout(request, kinds.pods)
      const pod = isCreate ? newObject(request, kinds.pods) : undefined
      const name = pod?.spec.runtimeClassName ?? ''
      if (pod === undefined || name === '') return unchanged(request)
      const runtimeClass = read(reader, kinds.runtimeClasses, '', name)
      if (runtimeClass === undefined) {
        throw refuse(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`)
      }
      const result = withRuntimeClass(pod, runtimeClass)
      if (typeof result === 'string') throw refuse(request, result)
      return asApiObject(result)
    },
    validate: (request) => {
      const isCreate = request.operation === 'CREATE' && isAbout(request, kinds.pods)
      const pod = isCreate ? newObject(request, kinds.pods) : undefined
      if (pod?.spec.overhead === undefined || Object.keys(pod.spec.overhead).length === 0) return
      if (pod.spec.runtimeClassName !== undefined) return
      throw refuse(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead')
    },
  }
}

/** The pod as its class wants it, or why the two do not go together. */
export function withRuntimeClass(pod: Pod, { overhead, scheduling }: RuntimeClass): Pod | string {
  const wanted = overhead?.podFixed
  const given = pod.spec.overhead
  if (given !== undefined && !sameJson(given, wanted)) {
    return "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
  }
  const nodeSelector = { ...scheduling?.nodeSelector, ...pod.spec.nodeSelector }
  for (const [key, value] of Object.entries(scheduling?.nodeSelector ?? {})) {
    if (nodeSelector[key] !== value) {
      return `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${nodeSelector[key] ?? ''}`
    }
  }
  const own = pod.spec.tolerations ?? []
  const added = (scheduling?.tolerations ?? []).filter((toleration) => !own.some((one) => sameJson(one, toleration)))
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(wanted === undefined ? {} : { overhead: wanted }),
      ...(Object.keys(nodeSelector).length === 0 ? {} : { nodeSelector }),
      ...(added.length === 0 ? {} : { tolerations: [...own, ...added] }),
    },
  }
}
