/** ExtendedResourceToleration: pods that ask for a device tolerate the taint that keeps others off its nodes. Off by default. */

import { isExtendedResource } from '../../api/core/resource-requirements.ts'
import type { Pod, Toleration } from '../../api/core/v1.ts'
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { asApiObject, isAbout, newObject, unchanged } from './request.ts'

/** The plugin. */
export const extendedResourceToleration: AdmissionPlugin = {
  name: 'ExtendedResourceToleration',
  mutate: (request) => {
    const pod = isAbout(request, kinds.pods) ? newObject(request, kinds.pods) : undefined
    return pod === undefined ? unchanged(request) : asApiObject(withTolerations(pod))
  },
}

function withTolerations(pod: Pod): Pod {
  const { containers, initContainers = [], tolerations = [] } = pod.spec
  const asked = [...containers, ...initContainers].flatMap(({ resources }) => Object.keys(resources?.requests ?? {}))
  const added = [...new Set(asked.filter(isExtendedResource))]
    .toSorted()
    .map((key): Toleration => ({ key, operator: 'Exists', effect: 'NoSchedule' }))
  const missing = added.filter(
    ({ key }) =>
      !tolerations.some((one) => one.key === key && one.effect === 'NoSchedule' && one.operator === 'Exists'),
  )
  return missing.length === 0 ? pod : { ...pod, spec: { ...pod.spec, tolerations: [...tolerations, ...missing] } }
}
