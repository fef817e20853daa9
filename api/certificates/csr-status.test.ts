import { expect, test } from 'vitest'
import { type CsrPath, validateCsrStatus, withDecisionsKept } from './csr-status.ts'
import type { CertificateSigningRequest } from './v1.ts'

type Status = CertificateSigningRequest['status']
const of = (...types: readonly string[]): Status =>
  ({ conditions: types.map((type) => ({ type, status: 'True', reason: 'r', message: 'm' })) }) as unknown as Status
const pem = (type: string, ...bytes: readonly number[]) =>
  Buffer.from(`-----BEGIN ${type}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${type}-----\n`).toString(
    'base64',
  )
const good = pem('CERTIFICATE', 0x30, 0x00)

const cases: readonly (readonly [name: string, path: CsrPath, old: Status, now: Status, causes: readonly string[]])[] =
  [
    ['an approval', 'approval', of(), of('Approved'), []],
    [
      'an approval by a signer',
      'status',
      of(),
      of('Approved'),
      ['status.conditions: Forbidden: updates may not add a condition of type "Approved"'],
    ],
    [
      'an approval taken back',
      'approval',
      of('Approved'),
      of(),
      ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'],
    ],
    [
      'both decisions',
      'approval',
      of(),
      of('Approved', 'Denied'),
      ['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'],
    ],
    ['a condition twice', 'status', of(), of('Foo', 'Foo'), ['status.conditions[1].type: Duplicate value: "Foo"']],
    ['a certificate', 'status', of('Approved'), { ...of('Approved'), certificate: good }, []],
    [
      'a certificate by an approver',
      'approval',
      of('Approved'),
      { ...of('Approved'), certificate: good },
      ['status.certificate: Forbidden: updates may not set certificate content'],
    ],
    [
      'another certificate',
      'status',
      { certificate: good },
      { certificate: pem('CERTIFICATE', 0x30, 0x01, 0x05) },
      ['status.certificate: Forbidden: updates may not modify existing certificate content'],
    ],
    [
      'text that is none',
      'status',
      {},
      { certificate: 'YmFk' },
      ['status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block'],
    ],
    [
      'a broken certificate',
      'status',
      {},
      { certificate: pem('CERTIFICATE', 1, 2, 3) },
      ['status.certificate: Invalid value: "<certificate data>": x509: malformed certificate'],
    ],
    [
      'something else',
      'status',
      {},
      { certificate: pem('FOO', 0x30, 0x00) },
      ['status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "FOO"'],
    ],
  ]
for (const [name, path, old, now, want] of cases) {
  test(`validateCsrStatus on ${name}`, () => {
    expect(validateCsrStatus(now, old, path).map(({ field, message }) => `${field}: ${message}`)).toEqual(want)
  })
}

test('withDecisionsKept gives a signer the decision as it was', () => {
  const before = of('Approved').conditions ?? []
  const changed = before.map((one) => ({ ...one, reason: 'other' }))
  expect(withDecisionsKept(changed, before)).toEqual(before)
  expect(withDecisionsKept(changed, [])).toEqual(changed)
})
