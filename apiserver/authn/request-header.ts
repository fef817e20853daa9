/** The front proxy: a trusted client certificate allows a proxy to say in headers who the user is. */
import type { X509Certificate } from 'node:crypto'
import type { UserInfo } from '../http/request-info.ts'
import type { Authenticator } from './authenticator.ts'
import { commonName, isChainedTo } from './client-cert.ts'
import { type HeaderSource, headerValues } from './header-values.ts'

export type RequestHeaderOptions = {
  readonly cas: readonly X509Certificate[]
  /** Empty: every certificate of these authorities. */
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraHeaderPrefixes: readonly string[]
}

/** Believes `X-Remote-User` and its kin from holders of a front-proxy certificate. */
export function createRequestHeaderAuthenticator(options: RequestHeaderOptions): Authenticator {
  return (request) => {
    const { connection } = request
    const user = userFromHeaders(request, options)
    if (user === undefined || !connection.authorized || !isChainedTo(connection, options.cas)) return undefined
    const certificate = connection.getPeerX509Certificate?.()
    const name = certificate === undefined ? '' : commonName(certificate)
    return options.allowedNames.length === 0 || options.allowedNames.includes(name) ? user : undefined
  }
}

/** The user that the headers name; `undefined` without a user header. */
export function userFromHeaders(
  request: HeaderSource,
  options: Omit<RequestHeaderOptions, 'cas' | 'allowedNames'>,
): UserInfo | undefined {
  const name = firstValue(request, options.usernameHeaders)
  if (name === undefined) return undefined
  const uid = firstValue(request, options.uidHeaders)
  const extra = extraFromHeaders(request, options.extraHeaderPrefixes)
  const groups = options.groupHeaders.flatMap((header) => headerValues(request, header)).filter((one) => one !== '')
  return {
    name,
    ...(uid === undefined ? {} : { uid }),
    groups,
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

/** Of a repeated header the first value counts. */
function firstValue(request: HeaderSource, names: readonly string[]): string | undefined {
  return names.map((name) => headerValues(request, name)[0] ?? '').find((value) => value !== '')
}

/** `X-Remote-Extra-Scopes: a` becomes `scopes: [a]`; the key may be percent-encoded. */
export function extraFromHeaders(
  request: HeaderSource,
  prefixes: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const extra = new Map<string, readonly string[]>()
  for (const prefix of prefixes.map((one) => one.toLowerCase())) {
    for (const header of Object.keys(request.headers)) {
      if (!header.startsWith(prefix)) continue
      const key = percentDecode(header.slice(prefix.length))
      extra.set(key, [...(extra.get(key) ?? []), ...headerValues(request, header)])
    }
  }
  return Object.fromEntries(extra)
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
