/** Which approved requests this cluster's CA signs, and which it must refuse. Pure. */

import type { CertificateSigningRequest } from '../../api/certificates/v1.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'

/** Who the request is for, as its PKCS#10 says. */
export type Subject = {
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly hasNames: boolean
}

/** Everything the decision depends on. */
export type Observed = {
  readonly request: CertificateSigningRequest
  /** `undefined` when the request cannot be read. */
  readonly subject: Subject | undefined
  readonly nowMs: number
}

export type Action =
  | { readonly type: 'sign'; readonly request: CertificateSigningRequest }
  | {
      readonly type: 'fail'
      readonly request: CertificateSigningRequest
      readonly message: string
      readonly time: string
    }

const prefix = 'kubernetes.io/'
/** Ways of use that a signer allows; the last one it asks for. */
const allowedUsages: Readonly<Record<string, readonly string[]>> = {
  [`${prefix}kube-apiserver-client`]: ['digital signature', 'key encipherment', 'client auth'],
  [`${prefix}kube-apiserver-client-kubelet`]: ['digital signature', 'key encipherment', 'client auth'],
  [`${prefix}kubelet-serving`]: ['digital signature', 'key encipherment', 'server auth'],
}
const legacySigner = `${prefix}legacy-unknown`

/** Requests of other signers are left to them. */
export function plan({ request, subject, nowMs }: Observed): Plan<Action> {
  const { signerName } = request.spec
  const has = (type: string): boolean =>
    request.status.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true
  const isOurs = signerName === legacySigner || allowedUsages[signerName] !== undefined
  const isOpen = has('Approved') && !has('Denied') && !has('Failed') && (request.status.certificate ?? '') === ''
  if (!isOurs || !isOpen) return { actions: [] }
  const message = refusal(request, subject)
  if (message === undefined) return { actions: [{ type: 'sign', request }] }
  return { actions: [{ type: 'fail', request, message, time: formatTime(nowMs) }] }
}

function refusal({ spec }: CertificateSigningRequest, subject: Subject | undefined): string | undefined {
  if (subject === undefined) return 'unable to parse csr'
  const allowed = allowedUsages[spec.signerName]
  if (allowed === undefined) return undefined
  const usages = spec.usages ?? []
  if (usages.some((usage) => !allowed.includes(usage)) || !usages.includes(allowed.at(-1) ?? '')) {
    return `usages did not match [${allowed.join(' ')}]`
  }
  if (spec.signerName === `${prefix}kube-apiserver-client`) return undefined
  if (!subject.organizations.includes('system:nodes') || subject.organizations.length !== 1) {
    return 'subject organization is not system:nodes'
  }
  if (!subject.commonName.startsWith('system:node:')) return 'subject common name does not begin with system:node:'
  const isServing = spec.signerName === `${prefix}kubelet-serving`
  if (isServing && !subject.hasNames) return 'DNS or IP subjectAltName is required'
  return !isServing && subject.hasNames ? 'DNS subjectAltNames are not allowed' : undefined
}
