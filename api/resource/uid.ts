/** UIDs that drivers give. Source: `validateUID`, github.com/google/uuid. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import type { Causes } from '../meta/causes.ts'

const plain = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const normalized =
  'uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters'

/** A UUID in lower case; other spellings of one are told apart from what is none. */
export function validateUid(uid: string | undefined, field: string): Causes {
  if (uid === undefined) return []
  const problem = uuidProblem(uid)
  if (problem !== undefined) return [invalidValue(field, uid, `error validating uid: ${problem}`)]
  return uid.length === 36 && uid === uid.toLowerCase() ? [] : [invalidValue(field, uid, normalized)]
}

/** Four spellings are told apart by their length. */
function uuidProblem(uid: string): string | undefined {
  const size = Buffer.byteLength(uid)
  const format = (isOne: boolean) => (isOne ? undefined : 'invalid UUID format')
  if (size === 32) return format(/^[0-9a-f]{32}$/i.test(uid))
  if (size === 36) return format(plain.test(uid))
  if (size === 38) return /^\{.*\}$/s.test(uid) ? format(plain.test(uid.slice(1, -1))) : 'invalid bracketed UUID format'
  if (size !== 45) return `invalid UUID length: ${size}`
  const prefix = uid.slice(0, 9)
  return prefix.toLowerCase() === 'urn:uuid:'
    ? format(plain.test(uid.slice(9)))
    : `invalid urn prefix: ${JSON.stringify(prefix)}`
}
