/** PodResizeValidator: a running pod cannot grow beyond what its node has to give. Source: KEP-1287; `plugin/pkg/admission/podresize`. */

import { aggregateRequests } from '../../api/core/pod-resources.ts'
import type { Node, Pod } from '../../api/core/v1.ts'
import { milliValue, wholeValue } from '../../apimachinery/quantity.ts'
import { type CauseReason, type StatusDetails, StatusError } from '../../apimachinery/status.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { isAbout, newObject, oldObject, refuse } from './request.ts'

/** The plugin. */
export function podResizeValidator(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PodResizeValidator',
    validate: (request) => {
      if (request.operation !== 'UPDATE' || !isAbout(request, kinds.pods, 'resize')) return
      const [pod, old] = [newObject(request, kinds.pods), oldObject(request, kinds.pods)]
      const { nodeName = '' } = pod?.spec ?? {}
      if (pod === undefined || nodeName === '' || old?.metadata.generation === pod.metadata.generation) return
      const node = read(reader, kinds.nodes, '', nodeName)
      if (node === undefined) throw refuse(request, `node ${JSON.stringify(nodeName)} not found`)
      checkPlatform(request, node)
      checkCapacity(request, pod, node)
    },
  }
}

function checkPlatform(request: AdmissionRequest, { metadata }: Node): void {
  const system = metadata.labels?.['kubernetes.io/os'] ?? 'linux'
  if (system === 'linux') return
  const [name, found] = [metadata.name, system].map((text) => JSON.stringify(text))
  const message = `pod resize is only supported on linux nodes, node ${name} is ${found}`
  throw withCause(refuse(request, message), 'UnsupportedPlatform')
}

function checkCapacity(request: AdmissionRequest, pod: Pod, { status }: Node): void {
  const requests = aggregateRequests(pod.spec)
  const { cpu = '0', memory = '0' } = status?.allocatable ?? {}
  const [askedCpu, askedMemory] = [milliValue(requests['cpu'] ?? '0'), wholeValue(requests['memory'] ?? '0')]
  const [ownCpu, ownMemory] = [milliValue(cpu), wholeValue(memory)]
  const problems = [
    ...(askedCpu > ownCpu ? [`cpu, requested: ${askedCpu}, allocatable: ${ownCpu}`] : []),
    ...(askedMemory > ownMemory ? [`memory, requested: ${askedMemory}, allocatable: ${ownMemory}`] : []),
  ]
  if (problems.length === 0) return
  const message = `node didn't have enough allocatable resources: ${problems.join('; ')}`
  throw withCause(refuse(request, message), 'NodeCapacity')
}

function withCause({ message, details }: StatusError, reason: CauseReason): StatusError {
  // Upstream's cause has no message here.
  return new StatusError('Forbidden', message, { ...details, causes: [{ reason }] } as unknown as StatusDetails)
}
