import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { CertificateSigningRequest } from './v1.ts'

/** CertificateSigningRequest. */
export const certificateSigningRequests = defineResource<CertificateSigningRequest>({
  facts: factsOf('certificates.k8s.io', 'certificatesigningrequests'),
  definition: 'certificates.v1.CertificateSigningRequest',
  hasGeneration: false,
})
