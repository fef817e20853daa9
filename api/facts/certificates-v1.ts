/** Facts of certificates.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const certificatesV1 = {
  'certificates.v1.CertificateSigningRequest': {
    gvk: { group: 'certificates.k8s.io', version: 'v1', kind: 'CertificateSigningRequest' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      spec: '2! certificates.v1.CertificateSigningRequestSpec ={}',
      status: '3 certificates.v1.CertificateSigningRequestStatus ={}',
    },
  },
  'certificates.v1.CertificateSigningRequestCondition': {
    fields: {
      type: '1! string =""',
      status: '6! string =""',
      reason: '2 string',
      message: '3 string',
      lastUpdateTime: '4 time null',
      lastTransitionTime: '5 time null',
    },
  },
  'certificates.v1.CertificateSigningRequestSpec': {
    fields: {
      request: '1! bytes',
      signerName: '7! string =""',
      expirationSeconds: '8 int32 ptr',
      usages: '5 []string list=atomic',
      username: '2 string',
      uid: '3 string',
      groups: '4 []string list=atomic',
      extra: '6 map<[]string>',
    },
  },
  'certificates.v1.CertificateSigningRequestStatus': {
    fields: {
      conditions: '1 []certificates.v1.CertificateSigningRequestCondition list=map keys=type',
      certificate: '2 bytes',
    },
  },
} as const
