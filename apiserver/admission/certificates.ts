/** Who may approve and sign certificate requests for which signer, and what no client certificate may say. */
import { sameJson } from '../../api/meta/causes.ts'
import 'reflect-metadata'
import { Pkcs10CertificateRequest } from '@peculiar/x509'
import type { ApiObject } from '../../api/resource.ts'
import type { Authorizer } from '../authz/authorizer.ts'
import { type RequestInfo, requestInfo } from '../http/request-info.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { asApiObject, refuse, unchanged } from './request.ts'

type SigningRequest = {
  readonly spec: { readonly signerName?: string; readonly request?: string }
  readonly status?: { readonly certificate?: string }
}

/** Who asks for a certificate is said by the server alone, whatever the request's author wrote there. */
export const certificateRequester: AdmissionPlugin = {
  name: 'CertificateRequester',
  afterwards: true,
  mutate: (request) => {
    if (request.operation !== 'CREATE' || !isSigningRequest(request, '')) return unchanged(request)
    const wanted = request.object as unknown as ApiObject & { readonly spec: Readonly<Record<string, unknown>> }
    const { username: _name, uid: _uid, groups: _groups, extra: _extra, ...spec } = wanted.spec
    const { name, uid, groups, extra } = request.user
    const requester = {
      username: name,
      ...(uid === undefined || uid === '' ? {} : { uid }),
      ...(groups.length === 0 ? {} : { groups }),
      ...(extra === undefined ? {} : { extra }),
    }
    return asApiObject({ ...wanted, spec: { ...spec, ...requester } })
  },
}

/** CertificateApproval: approving needs the verb `approve` on the signer. */
export function certificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    concerns: (request) => request.operation === 'UPDATE' && isSigningRequest(request, 'approval'),
    validate: async (request) => await requireSignerVerb(authorizer, request, 'approve'),
  }
}

/** CertificateSigning: putting a certificate into the status needs the verb `sign` on the signer. */
export function certificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    concerns: (request) => request.operation === 'UPDATE' && isSigningRequest(request, 'status'),
    validate: async (request) => {
      const [before, after] = [request.oldObject, request.object].map((one) => one as unknown as SigningRequest)
      const isSame = sameJson(before?.status, after?.status)
      if (!isSame) await requireSignerVerb(authorizer, request, 'sign')
    },
  }
}

/** CertificateSubjectRestriction: nobody becomes `system:masters` by a certificate of this cluster's signer. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  validate: (request) => {
    if (request.operation !== 'CREATE' || !isSigningRequest(request, '')) return
    const { signerName, request: encoded = '' } = (request.object as unknown as SigningRequest).spec
    if (signerName !== 'kubernetes.io/kube-apiserver-client') return
    if (!organizationsOf(encoded).includes('system:masters')) return
    throw refuse(request, 'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed')
  },
}

function isSigningRequest({ resource, subresource }: AdmissionRequest, wanted: string): boolean {
  const { group, plural } = resource.facts
  return group === 'certificates.k8s.io' && plural === 'certificatesigningrequests' && subresource === wanted
}

async function requireSignerVerb(authorizer: Authorizer, request: AdmissionRequest, verb: string): Promise<void> {
  const { signerName = '' } = (request.oldObject as unknown as SigningRequest).spec
  // A grant may be for the signer, or for all signers of its domain: `example.com/*`.
  for (const name of [signerName, `${signerName.split('/')[0] ?? ''}/*`]) {
    const decision = await authorizer({ user: request.user, info: signerInfo(verb, name) })
    if (decision.type === 'allow') return
  }
  throw refuse(request, `user not permitted to ${verb} requests with signerName ${JSON.stringify(signerName)}`)
}

function signerInfo(verb: string, name: string): RequestInfo {
  return requestInfo({ verb, apiPrefix: 'apis', group: 'certificates.k8s.io', version: '*', resource: 'signers', name })
}

/** The organizations of the subject; none where the request cannot be read, which validation says. */
function organizationsOf(encoded: string): readonly string[] {
  try {
    const pem = Buffer.from(encoded, 'base64').toString()
    return new Pkcs10CertificateRequest(pem).subjectName.getField('O')
  } catch {
    return []
  }
}
