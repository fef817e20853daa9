/**
 * Who may say what of a certificate request: approvers decide, signers deliver. Source: `validateConditions`,
 * `validateCertificateSigningRequestUpdate`.
 */
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { type Causes, each, repeats, sameJson, when } from '../meta/causes.ts'
import type { CertificateSigningRequest } from './v1.ts'

type Status = CertificateSigningRequest['status']
type Conditions = NonNullable<Status['conditions']>

const field = 'status.conditions'
const decisions = ['Approved', 'Denied']
const alwaysTrue = [...decisions, 'Failed']

/** The path of an update: the object itself, its status (signers), or its approval (approvers). */
export type CsrPath = 'main' | 'status' | 'approval'

/** What is wrong with a change of the status; mistakes that were there before may stay. */
export function validateCsrStatus(status: Status, old: Status, path: CsrPath): Causes {
  const now = status.conditions ?? []
  const before = old.conditions ?? []
  return [
    ...validateConditions(now, before),
    ...validateCertificate(status.certificate ?? '', old.certificate ?? ''),
    ...alwaysTrue.flatMap((type) =>
      when(
        ofType(now, type).length < ofType(before, type).length,
        forbiddenField(field, `updates may not remove a condition of type "${type}"`),
      ),
    ),
    ...(path === 'approval'
      ? []
      : decisions.flatMap((type) =>
          when(
            ofType(now, type).length > ofType(before, type).length,
            forbiddenField(field, `updates may not add a condition of type "${type}"`),
          ),
        )),
    ...validateDelivery(status.certificate ?? '', old.certificate ?? '', path),
  ]
}

function ofType(conditions: Conditions, type: string): Conditions {
  return conditions.filter((one) => one.type === type)
}

/** A signer's report with the decisions as they were, unless it adds or removes some, which is refused. */
export function withDecisionsKept(now: Conditions, before: Conditions): Conditions {
  return decisions.reduce((conditions, type) => {
    const kept = [...ofType(before, type)]
    if (kept.length !== ofType(conditions, type).length) return conditions
    return conditions.map((one) => (one.type === type ? (kept.shift() ?? one) : one))
  }, now)
}

function validateConditions(now: Conditions, before: Conditions): Causes {
  const hadBoth = decisions.every((type) => ofType(before, type).length > 0)
  const hadEmpty = ofType(before, '').length > 0
  const hadRepeats = repeats(before.map(({ type }) => type)).length > 0
  const again = new Set(hadRepeats ? [] : repeats(now.map(({ type }) => type)))
  return each(field, now, ({ type, status }, path, index) => {
    const other = decisions.find((one) => one !== type)
    const contradicts = !hadBoth && decisions.includes(type) && now.slice(0, index).some((one) => one.type === other)
    return [
      ...when(type === '' && !hadEmpty, required(`${path}.type`)),
      ...validateValue(status, alwaysTrue.includes(type) ? ['True'] : ['False', 'True', 'Unknown'], `${path}.status`),
      ...when(contradicts, invalidValue(field, type, 'Approved and Denied conditions are mutually exclusive')),
      ...when(again.has(index), () => duplicate(`${path}.type`, type)),
    ]
  })
}

function validateValue(status: string, allowed: readonly string[], path: string): Causes {
  if (status === '') return [required(path)]
  return when(!allowed.includes(status), () => notSupported(path, status, allowed))
}

function validateCertificate(certificate: string, old: string): Causes {
  if (sameJson(certificate, old) || certificateError(old) !== undefined) return []
  const error = certificateError(certificate)
  return when(error !== undefined, invalidValue('status.certificate', '<certificate data>', error ?? ''))
}

/** What is wrong with PEM data that should hold certificates; nothing is fine. */
function certificateError(base64: string): string | undefined {
  if (base64 === '') return undefined
  const pem = Buffer.from(base64, 'base64').toString('latin1')
  const blocks = [...pem.matchAll(/-----BEGIN ([^\n-]+)-----\r?\n([^-]*)-----END \1-----/g)]
  const wrong = blocks.find(([, type]) => type !== 'CERTIFICATE')
  if (wrong !== undefined) return `only CERTIFICATE PEM blocks are allowed, found ${JSON.stringify(wrong[1])}`
  if (blocks.some(([, , body]) => body?.includes(':') === true)) return 'no PEM block headers are permitted'
  if (blocks.some(([, , body]) => !isSequence(Buffer.from(body ?? '', 'base64')))) return 'x509: malformed certificate'
  return blocks.length === 0 ? 'must contain at least one CERTIFICATE PEM block' : undefined
}

/** Whether bytes are one DER sequence from end to end, which is as far as this looks into a certificate. */
function isSequence(der: Uint8Array): boolean {
  const [tag, first = 0] = der
  if (tag !== 0x30) return false
  if (first < 0x80) return der.length === 2 + first
  const digits = der.slice(2, 2 + (first & 0x7f))
  return der.length === 2 + digits.length + digits.reduce((length, digit) => length * 256 + digit, 0)
}

function validateDelivery(certificate: string, old: string, path: CsrPath): Causes {
  if (certificate === old) return []
  if (path !== 'status') return [forbiddenField('status.certificate', 'updates may not set certificate content')]
  return when(old !== '', forbiddenField('status.certificate', 'updates may not modify existing certificate content'))
}
