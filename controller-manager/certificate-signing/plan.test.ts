import { expect, test } from 'vitest'
import type { CertificateSigningRequest } from '../../api/certificates/v1.ts'
import { plan, type Subject } from './plan.ts'

const nowMs = Date.parse('2026-01-01T00:00:00Z')
const jane: Subject = { commonName: 'jane', organizations: ['team'], hasNames: false }
const node: Subject = { commonName: 'system:node:n1', organizations: ['system:nodes'], hasNames: false }

function request(
  signer: string,
  usages: readonly string[],
  conditions: readonly string[] = ['Approved'],
): CertificateSigningRequest {
  return {
    metadata: { name: 'r' },
    spec: { signerName: signer, usages, request: '' },
    status: { conditions: conditions.map((type) => ({ type, status: 'True' })) },
  } as unknown as CertificateSigningRequest
}

const client = ['digital signature', 'client auth']
const serving = ['digital signature', 'key encipherment', 'server auth']
test.each<readonly [string, CertificateSigningRequest, Subject | undefined, string | undefined]>([
  ['a client', request('kubernetes.io/kube-apiserver-client', client), jane, 'sign'],
  ['a client as a server', request('kubernetes.io/kube-apiserver-client', serving), jane, 'fail'],
  ['a kubelet', request('kubernetes.io/kube-apiserver-client-kubelet', client), node, 'sign'],
  ['a user as a kubelet', request('kubernetes.io/kube-apiserver-client-kubelet', client), jane, 'fail'],
  ['a kubelet that serves', request('kubernetes.io/kubelet-serving', serving), { ...node, hasNames: true }, 'sign'],
  ['a kubelet that serves no name', request('kubernetes.io/kubelet-serving', serving), node, 'fail'],
  ['what cannot be read', request('kubernetes.io/kube-apiserver-client', client), undefined, 'fail'],
  ['what is not approved', request('kubernetes.io/kube-apiserver-client', client, []), jane, undefined],
  [
    'what is denied too',
    request('kubernetes.io/kube-apiserver-client', client, ['Approved', 'Denied']),
    jane,
    undefined,
  ],
  [
    'what failed before',
    request('kubernetes.io/kube-apiserver-client', client, ['Approved', 'Failed']),
    jane,
    undefined,
  ],
  ['what another signs', request('example.com/signer', client), jane, undefined],
])('plan() on %s', (_, of, subject, expected) => {
  expect(plan({ request: of, subject, nowMs }).actions[0]?.type).toBe(expected)
})
