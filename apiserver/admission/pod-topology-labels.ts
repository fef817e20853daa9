/** PodTopologyLabels: a pod that names its node when it is made carries the node's zone and region. KEP-4742. */
import type { Binding } from '../../api/core/v1.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { asApiObject, isAbout, newObject, unchanged } from './request.ts'

const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

/** The plugin: pods that name their node when they are made, and bindings, whose labels the pod takes over. */
export function podTopologyLabels(reader: ObjectReader): AdmissionPlugin {
  const labelled = <T extends Labelled>(object: T, nodeName: string | undefined): T =>
    withLabels(object, read(reader, kinds.nodes, '', nodeName ?? '')?.metadata.labels ?? {})
  return {
    name: 'PodTopologyLabels',
    mutate: (request) => {
      const { operation, object } = request
      if (isAbout(request, kinds.pods, 'binding') && object !== undefined) {
        const binding = object as unknown as Binding
        const { kind, name } = binding.target
        return kind === 'Node' ? asApiObject(labelled(binding, name)) : unchanged(request)
      }
      const isWrite = operation === 'CREATE' || operation === 'UPDATE'
      const pod = isWrite && isAbout(request, kinds.pods) ? newObject(request, kinds.pods) : undefined
      const { nodeName = '' } = pod?.spec ?? {}
      return pod === undefined || nodeName === '' ? unchanged(request) : asApiObject(labelled(pod, nodeName))
    },
  }
}

type Labelled = { readonly metadata: { readonly labels?: Readonly<Record<string, string>> } }

function withLabels<T extends Labelled>(object: T, ofNode: Readonly<Record<string, string>>): T {
  const added = Object.entries(ofNode).filter(([name]) => topologyLabels.includes(name))
  if (added.length === 0) return object
  const labels = { ...object.metadata.labels, ...Object.fromEntries(added) }
  return { ...object, metadata: { ...object.metadata, labels } }
}
