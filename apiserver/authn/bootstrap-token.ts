/** Bootstrap tokens `id.secret`, with which new nodes join; kept as Secrets `kube-system/bootstrap-token-<id>`. */
import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../../api/core/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import { goodFor, type TokenVerifier } from './token.ts'

const secretType = 'bootstrap.kubernetes.io/token'
const defaultGroup = 'system:bootstrappers'
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

/** Looks the Secret up at every request: deleting it revokes the token. */
export function createBootstrapTokenVerifier(
  reader: ObjectReader,
  clock: Clock,
  apiAudiences: readonly string[],
): TokenVerifier {
  return async (token, audiences) => {
    const [, id = '', secret = ''] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? []
    if (id === '') return undefined
    const stored = read(reader, kinds.secrets, 'kube-system', `bootstrap-token-${id}`)
    if (stored === undefined || !isGood(stored, id, secret, clock.now())) return undefined
    const groups = groupsOf(stored)
    if (groups === undefined) return undefined
    return goodFor({ name: `system:bootstrap:${id}`, groups }, audiences, apiAudiences)
  }
}

function isGood(stored: Secret, id: string, secret: string, nowMs: number): boolean {
  return (
    stored.type === secretType &&
    stored.metadata.deletionTimestamp === undefined &&
    isSame(dataOf(stored, 'token-secret'), secret) &&
    dataOf(stored, 'token-id') === id &&
    !hasExpired(dataOf(stored, 'expiration'), nowMs) &&
    dataOf(stored, 'usage-bootstrap-authentication') === 'true'
  )
}

/** A time that nobody can read counts as past. */
function hasExpired(expiration: string, nowMs: number): boolean {
  if (expiration === '') return false
  const atMs = parseTime(expiration)
  return !(atMs > nowMs)
}

/** Sorted, each once; `undefined` when one of them lies outside of the prefix that bootstrap tokens may have. */
function groupsOf(stored: Secret): readonly string[] | undefined {
  const extra = dataOf(stored, 'auth-extra-groups')
  const groups = extra === '' ? [] : extra.split(',')
  if (!groups.every((group) => groupPattern.test(group))) return undefined
  return [...new Set([defaultGroup, ...groups])].toSorted()
}

function dataOf({ data }: Secret, field: string): string {
  return Buffer.from(data?.[field] ?? '', 'base64').toString()
}

function isSame(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)]
  return a.length === b.length && timingSafeEqual(a, b)
}
