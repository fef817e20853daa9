/** DenyServiceExternalIPs: no Service may claim addresses outside of the cluster, except those it has. Off by default. */
import { kinds } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { isAbout, newObject, oldObject, refuse } from './request.ts'

/** The plugin. */
export const denyServiceExternalIps: AdmissionPlugin = {
  name: 'DenyServiceExternalIPs',
  validate: (request) => {
    if (!isAbout(request, kinds.services)) return
    const known = oldObject(request, kinds.services)?.spec.externalIPs ?? []
    const wanted = newObject(request, kinds.services)?.spec.externalIPs ?? []
    if (wanted.every((address) => known.includes(address))) return
    throw refuse(request, 'Use of external IPs is denied by admission control')
  },
}
