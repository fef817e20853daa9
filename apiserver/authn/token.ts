/** Bearer tokens: where a request carries one, and the methods that know tokens. */
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'
import type { Lifetime } from '../http/api-request.ts'
import type { UserInfo } from '../http/request-info.ts'
import { joinErrors } from './join-errors.ts'

/** Who a token belongs to, and for which of the wanted audiences it is good. */
export type TokenUser = {
  readonly user: UserInfo
  readonly audiences: readonly string[]
  /** What its holder should know, for the `Warning` header. */
  readonly warnings?: readonly string[]
}

/** A token of ours that is not good; the reason is told to those who review tokens, never to its bearer. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
}

/**
 * One kind of token. `undefined`: not one of ours; throws `TokenError` when ours but not good. No audiences wanted means those
 * of the API server.
 */
export type TokenVerifier = (
  token: string,
  audiences: readonly string[],
  lifetime: Lifetime,
) => Promise<TokenUser | undefined>

/** How a token is spelled as a WebSocket protocol. */
export const webSocketTokenPrefix = 'base64url.bearer.authorization.k8s.io.'

/** The token of `Authorization: Bearer`, or the one that browsers can only send as a WebSocket protocol. */
export function bearerToken(headers: IncomingHttpHeaders): string | undefined {
  const [scheme = '', token = ''] = (headers.authorization ?? '').trim().split(' ')
  if (scheme.toLowerCase() === 'bearer' && token !== '') return token
  return webSocketToken(headers['sec-websocket-protocol'] ?? '')
}

/** Whether the token is meant to have a space in front, which makes it none. Source: `bearertoken.AuthenticateRequest`. */
export function hasSpaceBeforeToken({ authorization }: IncomingHttpHeaders): boolean {
  const [scheme = '', token, rest] = (authorization ?? '').trim().split(' ')
  return scheme.toLowerCase() === 'bearer' && token === '' && rest !== undefined
}

/** The warning that goes with it. */
export const spaceBeforeTokenWarning =
  'the provided Authorization header contains extra space before the bearer token, and is ignored'

/** Needs a second protocol, because the server answers with one and must not answer with the token. */
function webSocketToken(header: string): string | undefined {
  const protocols = header.split(',').map((protocol) => protocol.trim())
  const [encoded, ...others] = protocols.filter((protocol) => protocol.startsWith(webSocketTokenPrefix))
  if (encoded === undefined) return undefined
  if (others.length > 0) throw new TokenError('multiple base64.bearer.authorization tokens specified')
  const text = encoded.slice(webSocketTokenPrefix.length)
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.toString('base64url') !== text) {
    throw new TokenError('invalid base64.bearer.authorization token encoding')
  }
  if (!isUtf8(bytes)) throw new TokenError('invalid base64.bearer.authorization token')
  if (text !== '' && protocols.length === 1) throw new TokenError('missing additional subprotocol')
  return text === '' ? undefined : bytes.toString()
}

/** `token,user,uid,"group1,group2"`, one a line: the file of `--token-auth-file`. Of equal tokens the last counts. */
export function parseTokenFile(text: string, path = ''): ReadonlyMap<string, UserInfo> {
  const users = new Map<string, UserInfo>()
  for (const line of text.split(/\r?\n/)) {
    if (line === '') continue
    const record = splitCsv(line)
    const [token = '', name = '', uid = '', groups = ''] = record
    if (record.length < 3) {
      const columns = 'at least 3 columns (token, user name, user uid)'
      throw new Error(`token file '${path}' must have ${columns}, found ${record.length}`)
    }
    if (token !== '') users.set(token, { name, uid, groups: record.length < 4 ? [] : groups.split(',') })
  }
  return users
}

/** One line of CSV as RFC 4180 has it. */
function splitCsv(line: string): readonly string[] {
  return [...`,${line}`.matchAll(/,(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain,
  )
}

/** Tokens of a file. */
export function createStaticTokenVerifier(
  users: ReadonlyMap<string, UserInfo>,
  apiAudiences: readonly string[],
): TokenVerifier {
  return async (token, audiences) => {
    const user = users.get(token)
    return user === undefined ? undefined : goodFor(user, audiences, apiAudiences)
  }
}

/** Methods without audiences of their own are good for the API server's, and for no others. */
export function goodFor(user: UserInfo, wanted: readonly string[], own: readonly string[]): TokenUser | undefined {
  const audiences = wanted.length === 0 ? own : wanted.filter((audience) => own.includes(audience))
  return audiences.length === 0 && wanted.length > 0 ? undefined : { user, audiences }
}

/** Asks one verifier after the other; what was wrong with the token in one kind's eyes does not stop the next. */
export function anyVerifier(verifiers: readonly TokenVerifier[]): TokenVerifier {
  return async (token, audiences, lifetime) => {
    const reasons: string[] = []
    for (const verify of verifiers) {
      try {
        const found = await verify(token, audiences, lifetime)
        if (found !== undefined) return found
      } catch (error) {
        if (!(error instanceof TokenError)) throw error
        reasons.push(error.message)
      }
    }
    if (reasons.length > 0) throw new TokenError(joinErrors(reasons))
    return undefined
  }
}
