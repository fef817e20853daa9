/** PodTopologyLabels: a pod that names its node when it is made carries the node's zone and region. KEP-4742. */
import type { Pod } from '../../api/core/v1.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { asApiObject, isAbout, newObject, unchanged } from './request.ts'

const topologyLabels = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region']

/** The plugin; pods that are bound later get the labels with their binding. */
export function podTopologyLabels(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PodTopologyLabels',
    mutate: (request) => {
      const isWrite = request.operation === 'CREATE' || request.operation === 'UPDATE'
      const pod = isWrite && isAbout(request, kinds.pods) ? newObject(request, kinds.pods) : undefined
      const { nodeName = '' } = pod?.spec ?? {}
      if (pod === undefined || nodeName === '') return unchanged(request)
      const node = read(reader, kinds.nodes, '', nodeName)
      return asApiObject(withLabels(pod, node?.metadata.labels ?? {}))
    },
  }
}

function withLabels(pod: Pod, ofNode: Readonly<Record<string, string>>): Pod {
  const added = Object.entries(ofNode).filter(([name]) => topologyLabels.includes(name))
  if (added.length === 0) return pod
  return { ...pod, metadata: { ...pod.metadata, labels: { ...pod.metadata.labels, ...Object.fromEntries(added) } } }
}
