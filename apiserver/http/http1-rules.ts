/** What Go's server refuses of HTTP/1.1 requests before any handler sees them, and Node lets through. Source: `net/http`. */
import type { RawRequest } from './transport.ts'

/** Source: `httpguts.ValidHostHeader`. */
const hostCharacters = /^[A-Za-z0-9!$%&'()*+,\-.:;=[\]_~]*$/

/** The status line of the refusal; `undefined`: the request is good. */
export function http1Problem({
  httpVersion,
  rawHeaders,
}: Pick<RawRequest, 'httpVersion' | 'rawHeaders'>): string | undefined {
  // What nearly all requests are.
  if (httpVersion !== '1.1') {
    const [major = 1] = httpVersion.split('.').map(Number)
    if (major > 1) return '505 HTTP Version Not Supported: unsupported protocol version'
    if (major < 1) return '400 Bad Request'
  }
  let host: string | undefined
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue
    if (host !== undefined) return '400 Bad Request'
    host = rawHeaders[at + 1] ?? ''
  }
  if (host === undefined) return httpVersion === '1.0' ? undefined : '400 Bad Request: missing required Host header'
  return hostCharacters.test(host) ? undefined : '400 Bad Request: malformed Host header'
}

/** The status line for bytes that Node could not read as a request. */
export function malformedLine(code: string, reason: string, packet: Buffer | undefined): string {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return '431 Request Header Fields Too Large'
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return '408 Request Timeout'
    case 'HPE_INVALID_VERSION':
      return isVersion(packet) ? '505 HTTP Version Not Supported: unsupported protocol version' : '400 Bad Request'
    case 'HPE_INVALID_TRANSFER_ENCODING':
      return '501 Not Implemented'
    case 'HPE_INVALID_HEADER_TOKEN':
      return `400 Bad Request: invalid header ${reason.includes('value') ? 'value' : 'name'}`
    default:
      return '400 Bad Request'
  }
}

function isVersion(packet: Buffer | undefined): boolean {
  return /^\S+ \S+ HTTP\/\d\.\d\r?\n/.test(packet?.toString('latin1', 0, 16 * 1024) ?? '')
}

/** The path of a request that names the server too. */
export function withoutOrigin(url: string): string {
  if (url.startsWith('/')) return url
  const rest = /^https?:\/\/[^/?#]*(.*)$/i.exec(url)?.[1]
  if (rest === undefined) return url
  return rest.startsWith('/') ? rest : `/${rest}`
}
