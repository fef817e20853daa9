/**
 * NodeDeclaredFeatureValidator: a bound pod is not changed into what its node does not say that it can do. KEP-5328.
 * Source: `plugin/pkg/admission/nodedeclaredfeatures`, `component-helpers/nodedeclaredfeatures/features`.
 */
import type { Pod } from '../../api/core/v1.ts'
import { sameJson } from '../../api/meta/causes.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { isAbout, newObject, oldObject, refuse } from './request.ts'

/** The plugin. */
export function nodeDeclaredFeatures(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'NodeDeclaredFeatureValidator',
    validate: (request) => {
      if (request.operation !== 'UPDATE') return
      if (!isAbout(request, kinds.pods) && !isAbout(request, kinds.pods, 'resize')) return
      const [pod, old] = [newObject(request, kinds.pods), oldObject(request, kinds.pods)]
      const { nodeName = '' } = pod?.spec ?? {}
      if (pod === undefined || old === undefined || nodeName === '') return
      if (pod.metadata.generation === old.metadata.generation) return
      const wanted = neededFeatures(pod, old)
      if (wanted.length === 0) return
      const node = read(reader, kinds.nodes, '', nodeName)
      if (node === undefined) throw refuse(request, `node ${JSON.stringify(nodeName)} not found`)
      const missing = wanted.filter((name) => !(node.status?.declaredFeatures ?? []).includes(name))
      if (missing.length === 0) return
      const names = missing.join(', ')
      throw refuse(
        request,
        `pod update requires features ${names} which are not available on node ${JSON.stringify(node.metadata.name)}`,
      )
    },
  }
}

/** The features that the difference between two states of a pod needs. Others matter to the scheduler only. */
export function neededFeatures(pod: Pod, old: Pod): readonly string[] {
  return [
    ...(sameJson(pod.spec.resources ?? {}, old.spec.resources ?? {})
      ? []
      : ['InPlacePodLevelResourcesVerticalScaling']),
    ...(resizesInitContainers(pod, old) ? ['InPlacePodVerticalScalingInitContainers'] : []),
  ]
}

/** Sidecars are resized as other containers are. */
function resizesInitContainers(pod: Pod, old: Pod): boolean {
  return (old.spec.initContainers ?? []).some(
    ({ restartPolicy, resources }, index) =>
      restartPolicy !== 'Always' && !sameJson(resources ?? {}, pod.spec.initContainers?.[index]?.resources ?? {}),
  )
}
