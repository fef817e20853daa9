/** Quality-of-service class of a pod. Source: API field `status.qosClass`, upstream `pkg/apis/core/v1/helper/qos`. */
import type { Pod } from '../../api/core/v1.ts'
import { milliValue } from '../../apimachinery/quantity.ts'

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

const counted = ['cpu', 'memory'] as const

/** `Guaranteed`: every container has equal requests and limits for cpu and memory; `BestEffort`: none has any. */
export function podQosClass({ spec }: Pod): QosClass {
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  let anything = false
  let guaranteed = true
  for (const { resources } of containers) {
    for (const name of counted) {
      const request = positive(resources.requests?.[name])
      const limit = positive(resources.limits?.[name])
      anything ||= request !== undefined || limit !== undefined
      guaranteed &&= limit !== undefined && (request === undefined || request === limit)
    }
  }
  if (!anything) return 'BestEffort'
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

function positive(quantity: string | undefined): number | undefined {
  const value = quantity === undefined ? 0 : milliValue(quantity)
  return value > 0 ? value : undefined
}
