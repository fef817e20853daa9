/** What of a message's headers goes on, and what is added. Pure. Lists are flat, name and value in turn, as Node's `rawHeaders`. */

export type HeaderList = readonly string[]

/** Meant for the next hop alone (RFC 9110 section 7.6.1, and those that older software sends). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // Programs take `HTTP_PROXY` of their environment from it (httpoxy, CVE-2016-5385).
  'proxy',
])
/** Who a request came from, as a proxy says it: believed from trusted proxies alone. */
const forwarding = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-original-forwarded-for',
  'x-real-ip',
  'x-scheme',
])

/** What is known of a request beside its headers. */
export type RequestFacts = {
  /** As the client named it, with port. */
  readonly authority: string
  readonly clientAddress: string
  readonly scheme: 'http' | 'https'
  /** The port that the client came to. */
  readonly port: number
  /** Whether a proxy in front of us is believed. */
  readonly trustsForwarded: boolean
  readonly requestId: string
}

/** Why a request is refused before it is looked at; `undefined` for a good one. */
export function faultOf(headers: HeaderList): string | undefined {
  let hosts = 0
  let hasLength = false
  let coding: string | undefined
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]?.toLowerCase() ?? ''
    const value = headers[at + 1] ?? ''
    if (name === 'host') hosts += 1
    if (name === 'content-length') {
      if (hasLength || !/^\d+$/.test(value)) return 'bad Content-Length'
      hasLength = true
    }
    if (name === 'transfer-encoding') {
      if (coding !== undefined) return 'more than one Transfer-Encoding'
      coding = value.trim().toLowerCase()
    }
  }
  if (hosts > 1) return 'more than one Host'
  if (coding !== undefined && coding !== 'chunked') return 'unknown Transfer-Encoding'
  // Which of the two counts is read differently by different servers (RFC 9112 section 6.3).
  return coding !== undefined && hasLength ? 'both Content-Length and Transfer-Encoding' : undefined
}

/** How the body of a request is framed. */
export type Framing =
  | { readonly type: 'none' }
  | { readonly type: 'chunked' }
  | { readonly type: 'length'; readonly text: string }

/** The headers for the backend: without those for us, with those that say where the request came from. */
export function requestHeaders(headers: HeaderList, facts: RequestFacts): string[] {
  const named = connectionNames(headers)
  const result = ['Host', facts.authority]
  const cookies: string[] = []
  const believed: Record<string, string> = {}
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const value = headers[at + 1] ?? ''
    const lower = name.toLowerCase()
    if (forwarding.has(lower)) {
      believed[lower] = believed[lower] === undefined ? value : `${believed[lower]}, ${value}`
      continue
    }
    if (lower === 'te' && value.toLowerCase() === 'trailers') result.push('te', 'trailers')
    // The body's framing is ours; `Expect` is answered here.
    const isOurs = lower === 'host' || lower === 'content-length' || lower === 'expect' || lower === 'x-request-id'
    if (isOurs || lower.startsWith(':') || hopByHop.has(lower) || named.has(lower)) continue
    // HTTP/2 may cut cookies to pieces (RFC 9113 section 8.2.3).
    if (lower === 'cookie') cookies.push(value)
    else result.push(name, value)
  }
  if (cookies.length > 0) result.push('Cookie', cookies.join('; '))
  result.push('X-Request-ID', facts.requestId, ...forwardedHeaders(facts, facts.trustsForwarded ? believed : {}))
  return result
}

function forwardedHeaders(facts: RequestFacts, believed: Readonly<Record<string, string>>): readonly string[] {
  const { clientAddress, authority, scheme, port } = facts
  const before = believed['x-forwarded-for']
  const proto = believed['x-forwarded-proto'] ?? scheme
  return [
    'X-Real-IP',
    before?.split(',')[0]?.trim() ?? clientAddress,
    'X-Forwarded-For',
    before === undefined ? clientAddress : `${before}, ${clientAddress}`,
    'X-Forwarded-Host',
    believed['x-forwarded-host'] ?? authority,
    'X-Forwarded-Port',
    believed['x-forwarded-port'] ?? String(port),
    'X-Forwarded-Proto',
    proto,
    'X-Forwarded-Scheme',
    proto,
    'X-Scheme',
    proto,
  ]
}

/** The scheme that the client used, as a trusted proxy in front of us says it. */
export function clientScheme(
  headers: HeaderList,
  { scheme, trustsForwarded }: Pick<RequestFacts, 'scheme' | 'trustsForwarded'>,
): string {
  if (!trustsForwarded) return scheme
  return headerOf(headers, 'x-forwarded-proto')?.split(',')[0]?.trim().toLowerCase() ?? scheme
}

/** The headers of a backend's answer for the client. */
export function responseHeaders(headers: HeaderList): string[] {
  const named = connectionNames(headers)
  const result: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const lower = name.toLowerCase()
    if (lower.startsWith(':') || hopByHop.has(lower) || named.has(lower)) continue
    result.push(name, headers[at + 1] ?? '')
  }
  return result
}

/** As HTTP/2 wants them: small letters, equal names in one list. */
export function headerObject(headers: HeaderList): Record<string, string | string[]> {
  const result: Record<string, string | string[]> = Object.create(null)
  for (let at = 0; at < headers.length; at += 2) {
    const name = (headers[at] ?? '').toLowerCase()
    const value = headers[at + 1] ?? ''
    const before = result[name]
    result[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value]
  }
  return result
}

/** The first value of a header; `name` in small letters. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]?.toLowerCase() === name) return headers[at + 1]
  return undefined
}

/** The value of a cookie. */
export function cookieOf(headers: HeaderList, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'cookie') continue
    for (const pair of (headers[at + 1] ?? '').split(';')) {
      const equals = pair.indexOf('=')
      if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
    }
  }
  return undefined
}

/** Headers that the sender declared to be for this hop. */
function connectionNames(headers: HeaderList): ReadonlySet<string> {
  let names: Set<string> | undefined
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]
    if (name === undefined || name.length !== 10 || name.toLowerCase() !== 'connection') continue
    const value = (headers[at + 1] ?? '').toLowerCase()
    if (value === 'keep-alive' || value === 'close') continue
    names ??= new Set()
    for (const each of value.split(',')) names.add(each.trim())
  }
  return names ?? none
}
const none: ReadonlySet<string> = new Set()
