/** The front proxy: a trusted client certificate allows a proxy to say in headers who the user is. */
import type { X509Certificate } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { UserInfo } from '../http/request-info.ts'
import type { Authenticator } from './authenticator.ts'
import { isIssuedBy, userOfCertificate } from './client-cert.ts'

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
  return async ({ connection, headers }) => {
    const user = userFromHeaders(headers, options)
    if (user === undefined || !connection.authorized) return undefined
    const certificate = connection.getPeerX509Certificate?.()
    if (certificate === undefined || !isIssuedBy(certificate, options.cas)) return undefined
    const { name } = userOfCertificate(certificate)
    return options.allowedNames.length === 0 || options.allowedNames.includes(name) ? user : undefined
  }
}

/** The user that the headers name; `undefined` without a user header. */
export function userFromHeaders(headers: IncomingHttpHeaders, options: RequestHeaderOptions): UserInfo | undefined {
  const name = firstValue(headers, options.usernameHeaders)
  if (name === undefined) return undefined
  const uid = firstValue(headers, options.uidHeaders)
  const extra = extraFromHeaders(headers, options.extraHeaderPrefixes)
  return {
    name,
    ...(uid === undefined ? {} : { uid }),
    groups: options.groupHeaders.flatMap((header) => headerValues(headers, header)),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  }
}

function firstValue(headers: IncomingHttpHeaders, names: readonly string[]): string | undefined {
  return names.flatMap((name) => headerValues(headers, name)).find((value) => value !== '')
}

/** All values of a header that may be repeated; Node joins repetitions with a comma and a space. */
export function headerValues(headers: IncomingHttpHeaders, name: string): readonly string[] {
  const value = headers[name.toLowerCase()]
  if (value === undefined) return []
  return typeof value === 'string' ? value.split(', ') : value
}

/** `X-Remote-Extra-Scopes: a` becomes `scopes: [a]`; the key may be percent-encoded. */
export function extraFromHeaders(
  headers: IncomingHttpHeaders,
  prefixes: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  const extra: Record<string, readonly string[]> = {}
  for (const prefix of prefixes.map((one) => one.toLowerCase())) {
    for (const header of Object.keys(headers)) {
      if (!header.startsWith(prefix)) continue
      const key = percentDecode(header.slice(prefix.length))
      extra[key] = [...(extra[key] ?? []), ...headerValues(headers, header)]
    }
  }
  return extra
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
