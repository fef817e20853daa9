/** AlwaysAdmit and AlwaysDeny: for tests of what depends on admission. Off by default, and deprecated upstream. */
import type { AdmissionPlugin } from './admission.ts'
import { refuse } from './request.ts'

export const alwaysAdmit: AdmissionPlugin = { name: 'AlwaysAdmit' }

export const alwaysDeny: AdmissionPlugin = {
  name: 'AlwaysDeny',
  mutate: (request) => {
    throw refuse(request, 'admission control is denying all modifications')
  },
}
