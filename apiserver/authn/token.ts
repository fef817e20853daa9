/** Bearer tokens: where a request carries one, and the methods that know tokens. */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { parseTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { UserInfo } from '../http/request-info.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'

/** Who a token belongs to, and for which of the wanted audiences it is good. */
export type TokenUser = { readonly user: UserInfo; readonly audiences: readonly string[] }

/** One kind of token. `undefined`: not one of ours, or not good. No audiences wanted means those of the API server. */
export type TokenVerifier = (
  token: string,
  audiences: readonly string[],
  signal: AbortSignal,
) => Promise<TokenUser | undefined>

/** How a token is spelled as a WebSocket protocol. */
export const webSocketTokenPrefix = 'base64url.bearer.authorization.k8s.io.'

/** The token of `Authorization: Bearer`, or the one that browsers can only send as a WebSocket protocol. */
export function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  const match = /^bearer +([^ ]+) *$/i.exec(headers.authorization ?? '')
  if (match?.[1] !== undefined) return match[1]
  const protocols = (headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())
  const encoded = protocols.find((protocol) => protocol.startsWith(webSocketTokenPrefix))
  return encoded === undefined
    ? undefined
    : Buffer.from(encoded.slice(webSocketTokenPrefix.length), 'base64url').toString()
}

/** `token,user,uid,"group1,group2"`, one a line: the file of `--token-auth-file`. */
export function parseTokenFile(text: string): ReadonlyMap<string, UserInfo> {
  const users = new Map<string, UserInfo>()
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [token = '', name = '', uid = '', groups = ''] = splitCsv(line)
    if (token === '' || users.has(token)) continue
    users.set(token, { name, uid, groups: groups === '' ? [] : groups.split(',').map((group) => group.trim()) })
  }
  return users
}

function splitCsv(line: string): readonly string[] {
  return [...line.matchAll(/\s*(?:"((?:[^"]|"")*)"|([^,]*))\s*(?:,|$)/g)].map((match) =>
    (match[1]?.replaceAll('""', '"') ?? match[2] ?? '').trim(),
  )
}

/** Tokens of a file. */
export function createStaticTokenVerifier(
  users: ReadonlyMap<string, UserInfo>,
  apiAudiences: readonly string[],
): TokenVerifier {
  return async (token, audiences) => {
    const user = users.get(token)
    return user === undefined ? undefined : { user, audiences: sharedAudiences(audiences, apiAudiences) }
  }
}

/** Methods without audiences of their own are good for the API server's. */
function sharedAudiences(wanted: readonly string[], own: readonly string[]): readonly string[] {
  return wanted.length === 0 ? own : wanted.filter((audience) => own.includes(audience))
}

/** Bootstrap tokens `id.secret`, kept as Secrets `kube-system/bootstrap-token-<id>`. */
export function createBootstrapTokenVerifier(
  reader: ObjectReader,
  clock: Clock,
  apiAudiences: readonly string[],
): TokenVerifier {
  return async (token, audiences) => {
    const [, id = '', secret = ''] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? []
    if (id === '') return undefined
    const stored = read(reader, kinds.secrets, 'kube-system', `bootstrap-token-${id}`)
    if (stored?.type !== 'bootstrap.kubernetes.io/token' || stored.metadata.deletionTimestamp !== undefined) {
      return undefined
    }
    const data = (field: string): string => Buffer.from(stored.data?.[field] ?? '', 'base64').toString()
    const expiration = data('expiration')
    const isGood =
      data('token-id') === id &&
      isSame(data('token-secret'), secret) &&
      data('usage-bootstrap-authentication') === 'true' &&
      (expiration === '' || parseTime(expiration) > clock.now())
    if (!isGood) return undefined
    const groups = data('auth-extra-groups')
      .split(',')
      .filter((group) => group.startsWith('system:bootstrappers:'))
    const user = { name: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...groups].toSorted() }
    return { user, audiences: sharedAudiences(audiences, apiAudiences) }
  }
}

function isSame(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right))
}

/** Asks one verifier after the other. */
export function anyVerifier(verifiers: readonly TokenVerifier[]): TokenVerifier {
  return async (token, audiences, signal) => {
    for (const verify of verifiers) {
      const found = await verify(token, audiences, signal)
      if (found !== undefined) return found
    }
    return undefined
  }
}
