/** LimitPodHardAntiAffinityTopology: a pod may keep others off its node, not off a whole zone. Off by default. */
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { isAbout, newObject, refuse } from './request.ts'

const hostname = 'kubernetes.io/hostname'

/** The plugin. */
export const limitPodHardAntiAffinityTopology: AdmissionPlugin = {
  name: 'LimitPodHardAntiAffinityTopology',
  validate: (request) => {
    const pod = isAbout(request, kinds.pods) ? newObject(request, kinds.pods) : undefined
    const terms = pod?.spec.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
    const wide = terms.find(({ topologyKey }) => topologyKey !== hostname)
    if (wide === undefined) return
    const message = `affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey ${wide.topologyKey} but only key ${hostname} is allowed`
    throw refuse(request, message)
  },
}
