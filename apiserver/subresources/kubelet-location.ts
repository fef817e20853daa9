/** Where the kubelet of a pod's node is, and which container a client means. Pure. */
import type { Node, Pod } from '../../api/core/v1.ts'
import { badRequest, type StatusError } from '../../apimachinery/status.ts'

/** Host, port and TLS name of a kubelet. */
export type KubeletAddress = { readonly host: string; readonly port: number }

const defaultKubeletPort = 10250

/** By the first address type of `--kubelet-preferred-address-types` that the node has. */
export function kubeletAddress(node: Node, preferredTypes: readonly string[]): KubeletAddress | string {
  const addresses = node.status?.addresses ?? []
  for (const type of preferredTypes) {
    const found = addresses.find((address) => address.type === type && address.address !== '')
    const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0
    if (found !== undefined) return { host: found.address, port: port === 0 ? defaultKubeletPort : port }
  }
  const known = addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ')
  return `no preferred addresses found; known addresses: [${known}]`
}

/** The container that is meant, or the only one; throws BadRequest in upstream's words. */
export function chooseContainer(pod: Pod, wanted: string): string {
  const { containers, initContainers = [], ephemeralContainers = [] } = pod.spec
  if (wanted !== '') {
    const all = [...containers, ...initContainers, ...ephemeralContainers]
    if (all.some(({ name }) => name === wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`)
  }
  const [first] = containers
  if (first !== undefined && containers.length === 1) return first.name
  throw containerRequired(pod)
}

function containerRequired({ metadata, spec }: Pod): StatusError {
  const { containers, initContainers = [], ephemeralContainers = [] } = spec
  const start = `a container name must be specified for pod ${metadata.name}`
  if (containers.length === 0) return badRequest(start)
  return badRequest(`${start}, choose one of: ${names([...initContainers, ...containers, ...ephemeralContainers])}`)
}

function names(containers: readonly { readonly name: string }[]): string {
  return `[${containers.map(({ name }) => name).join(' ')}]`
}
