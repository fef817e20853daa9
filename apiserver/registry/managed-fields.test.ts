import { expect, test } from 'vitest'
import { resourceOf } from '../../test/fixtures/api-object.ts'
import { ignoredFields } from './managed-fields.ts'

const object = { apiVersion: 'v', kind: 'K', metadata: {}, spec: {}, status: {} }
const cases: readonly (readonly [string, string, readonly string[]])[] = [
  ['Pod', '', ['status']],
  ['Pod', 'status', ['spec']],
  ['ConfigMap', '', []],
  ['VolumeAttachment.storage.k8s.io', 'status', ['metadata', 'spec']],
  ['CertificateSigningRequest.certificates.k8s.io', '', ['spec', 'status']],
]
test.each(cases)('ignoredFields() of %s, path "%s"', (kind, subresource, want) => {
  expect(ignoredFields(resourceOf(kind), object, subresource)).toEqual(want)
})
