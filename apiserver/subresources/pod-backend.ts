/** From a pod to the kubelet that runs it. */
import type { Pod } from '../../api/core/v1.ts'
import { notFound, StatusError } from '../../apimachinery/status.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import type { Backend, KubeletClientOptions } from './kubelet-client.ts'
import { kubeletAddress } from './kubelet-location.ts'

/** The kubelet of the pod's node. */
export function kubeletBackend(reader: ObjectReader, pod: Pod, kubelet: KubeletClientOptions): Backend {
  const nodeName = pod.spec.nodeName ?? ''
  // Upstream says that the pod is what was not found, by the name of its node.
  if (read(reader, kinds.nodes, '', nodeName) === undefined) throw notFound(kinds.pods.facts, nodeName)
  return nodeBackend(reader, nodeName, kubelet)
}

/** The kubelet of a node; throws when the node is unknown or has no usable address. */
export function nodeBackend(reader: ObjectReader, nodeName: string, kubelet: KubeletClientOptions): Backend {
  const node = read(reader, kinds.nodes, '', nodeName)
  if (node === undefined) throw notFound(kinds.nodes.facts, nodeName)
  const address = kubeletAddress(node, kubelet.preferredAddressTypes)
  if (typeof address === 'string') throw new StatusError('', address, undefined, 500)
  return { protocol: 'https', ...address, identity: kubelet }
}
