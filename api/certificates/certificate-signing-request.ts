/** CertificateSigningRequest. Source: pkg/apis/certificates/validation, pkg/registry/certificates. */
import { duplicate, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { humanDuration } from '../../apimachinery/time.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, repeats, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { pathSegmentName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateCsrStatus, withDecisionsKept } from './csr-status.ts'
import type { CertificateSigningRequest } from './v1.ts'

type Csr = CertificateSigningRequest

const minSeconds = 600
const legacySigner = 'kubernetes.io/legacy-unknown'
const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
]

export const certificateSigningRequests = defineResource<Csr>({
  facts: factsOf('certificates.k8s.io', 'certificatesigningrequests'),
  definition: 'certificates.v1.CertificateSigningRequest',
  metadataRules: { update: 'whole', status: 'whole' },
  hasGeneration: false,
  validateName: pathSegmentName,
  validate: validateRequest,
  validateUpdate: ({ status }, old) => validateCsrStatus(status, old.status, 'main'),
  validateStatusUpdate: ({ status }, old) => validateCsrStatus(status, old.status, 'status'),
  // Who asks is filled in by the server from the request's user before this.
  prepareForCreate: (csr) => ({ ...csr, status: {} }),
  prepareForUpdate: (csr, old) => ({ ...csr, spec: old.spec, status: old.status }),
  // Approving is another permission than signing: this path keeps the decision as it is.
  prepareForStatusUpdate: (csr, old) => {
    const conditions = withDecisionsKept(csr.status.conditions ?? [], old.status.conditions ?? [])
    const { conditions: _, ...status } = csr.status
    return { ...csr, spec: old.spec, status: { ...status, ...(conditions.length === 0 ? {} : { conditions }) } }
  },
  columns: [
    nameColumn,
    ageColumn,
    text('SignerName', ({ spec }) => spec.signerName || '<none>'),
    text('Requestor', ({ spec }) => spec.username ?? ''),
    text('RequestedDuration', ({ spec }) =>
      spec.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
    ),
    text('Condition', condition),
  ],
  selectableFields: { 'spec.signerName': ({ spec }) => spec.signerName },
})

function condition({ status }: Csr): string {
  const has = (type: string) => status.conditions?.some((one) => one.type === type) === true
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending'
  return [
    decision,
    ...(has('Failed') ? ['Failed'] : []),
    ...((status.certificate ?? '') === '' ? [] : ['Issued']),
  ].join(',')
}

function validateRequest({ spec }: Csr): Causes {
  const { request = '', signerName = '', expirationSeconds } = spec
  const asked = spec.usages ?? []
  const again = new Set(repeats(asked))
  return [
    ...when(
      !isPemRequest(request),
      invalidValue('spec.request', request, 'PEM block type must be CERTIFICATE REQUEST'),
    ),
    ...when(asked.length === 0, required('spec.usages')),
    ...each('spec.usages', asked, (usage, path, index) => [
      ...when(!usages.includes(usage), notSupported(path, usage, usages)),
      ...when(again.has(index), duplicate(path, usage)),
    ]),
    ...when(
      signerName === legacySigner,
      invalidValue('spec.signerName', signerName, 'the legacy signerName is not allowed via this API version'),
    ),
    ...validateSignerName(signerName, 'spec.signerName'),
    ...when(
      expirationSeconds !== undefined && expirationSeconds < minSeconds,
      invalidValue(
        'spec.expirationSeconds',
        expirationSeconds,
        'may not specify a duration less than 600 seconds (10 minutes)',
      ),
    ),
  ]
}

function isPemRequest(base64: string): boolean {
  const pem = Buffer.from(base64, 'base64').toString('latin1')
  return /-----BEGIN CERTIFICATE REQUEST-----[\s\S]+-----END CERTIFICATE REQUEST-----/.test(pem)
}

/** `example.com/signer-name`. Source: `ValidateSignerName`. */
export function validateSignerName(name: string, field: string): Causes {
  if (name === '') return [required(field)]
  const [domain = '', ...path] = name.split('/')
  if (path.length !== 1) {
    return [
      invalidValue(field, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'"),
    ]
  }
  return [
    ...[...isDns1123Subdomain(domain)].map((message) =>
      invalidValue(field, domain, `validating label "${domain}": ${message}`),
    ),
    ...when(
      domain.split('.').length < 2,
      invalidValue(field, domain, 'should be a domain with at least two segments separated by dots'),
    ),
    ...isDns1123Subdomain(path[0] ?? '').map((message) =>
      invalidValue(field, path[0] ?? '', `validating label "${path[0]}": ${message}`),
    ),
  ]
}
