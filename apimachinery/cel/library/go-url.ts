/**
 * URLs as Go's `net/url` reads and writes them, with its messages. WHATWG's parser differs in ways that users see: it folds
 * dots, escapes other characters and refuses relative URLs. Everything here works on bytes (strings of code units 0 to 255), because
 * escapes stand for bytes. Source: Go 1.26 `net/url`.
 */
import { goQuote } from '../../field-errors.ts'
import { AddressError, parseAddress } from './address.ts'

/** A URL taken apart; every part is a string of bytes. */
export type GoUrl = {
  readonly scheme: string
  readonly opaque: string
  /** `user:password` unescaped part by part; `undefined` without `@`. */
  readonly user: readonly string[] | undefined
  readonly host: string
  readonly path: string
  /** The path as it was written, where the usual escaping would write it otherwise. */
  readonly rawPath: string
  readonly omitHost: boolean
  readonly forceQuery: boolean
  readonly rawQuery: string
  readonly fragment: string
  readonly rawFragment: string
}

/** A text is no URL; the message is Go's. */
export class UrlError extends Error {
  override readonly name = 'UrlError'
}

/** Text to a string of its UTF-8 bytes. */
export function toBytes(text: string): string {
  return Buffer.from(text).toString('latin1')
}

/** A string of UTF-8 bytes to text. */
export function fromBytes(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString()
}

/** Whether the text is an absolute URL or path; throws `UrlError` when it is none. Does not know fragments. */
export function parseRequestUri(text: string): void {
  const bytes = toBytes(text)
  wrapErrors(text, () => parse(bytes, true))
}

/** Takes a URL apart; throws `UrlError`. */
export function parseUrl(text: string): GoUrl {
  const bytes = toBytes(text)
  const hash = bytes.indexOf('#')
  const before = hash < 0 ? bytes : bytes.slice(0, hash)
  const url = wrapErrors(fromBytes(before), () => parse(before, false))
  const written = hash < 0 ? '' : bytes.slice(hash + 1)
  const fragment = wrapErrors(text, () => decode(written, 'fragment'))
  return { ...url, fragment, rawFragment: encode(fragment, 'fragment') === written ? '' : written }
}

function wrapErrors<Result>(text: string, action: () => Result): Result {
  try {
    return action()
  } catch (error) {
    if (!(error instanceof UrlError)) throw error
    throw new UrlError(`parse ${goQuote(text)}: ${error.message}`)
  }
}

const empty: GoUrl = {
  scheme: '',
  opaque: '',
  user: undefined,
  host: '',
  path: '',
  rawPath: '',
  omitHost: false,
  forceQuery: false,
  rawQuery: '',
  fragment: '',
  rawFragment: '',
}

function hasControlByte(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i)
    if (byte < 0x20 || byte === 0x7f) return true
  }
  return false
}

function parse(text: string, viaRequest: boolean): GoUrl {
  if (hasControlByte(text)) throw new UrlError('net/url: invalid control character in URL')
  if (text === '' && viaRequest) throw new UrlError('empty url')
  if (text === '*') return { ...empty, path: '*' }
  const { scheme, afterScheme } = splitScheme(text)
  const { rest, rawQuery, forceQuery } = splitQuery(afterScheme)
  const start = { ...empty, scheme, rawQuery, forceQuery }
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...start, opaque: rest }
    if (viaRequest) throw new UrlError('invalid URI for request')
    const segment = rest.split('/', 1)[0] ?? ''
    if (segment.includes(':')) throw new UrlError('first path segment in URL cannot contain colon')
  }
  const hasAuthority = rest.startsWith('//') && (scheme !== '' || (!viaRequest && !rest.startsWith('///')))
  if (!hasAuthority) return { ...start, ...splitPath(rest), omitHost: scheme !== '' && rest.startsWith('/') }
  const slash = rest.indexOf('/', 2)
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash)
  return { ...start, ...parseAuthority(scheme, authority), ...splitPath(slash < 0 ? '' : rest.slice(slash)) }
}

function splitScheme(text: string): { readonly scheme: string; readonly afterScheme: string } {
  if (text.startsWith(':')) throw new UrlError('missing protocol scheme')
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):/.exec(text)?.[1]
  if (scheme === undefined) return { scheme: '', afterScheme: text }
  return { scheme: scheme.toLowerCase(), afterScheme: text.slice(scheme.length + 1) }
}

type Query = { readonly rest: string; readonly rawQuery: string; readonly forceQuery: boolean }

function splitQuery(text: string): Query {
  const mark = text.indexOf('?')
  if (mark < 0) return { rest: text, rawQuery: '', forceQuery: false }
  return { rest: text.slice(0, mark), rawQuery: text.slice(mark + 1), forceQuery: mark === text.length - 1 }
}

function splitPath(written: string): { readonly path: string; readonly rawPath: string } {
  const path = decode(written, 'path')
  return { path, rawPath: encode(path, 'path') === written ? '' : written }
}

function parseAuthority(scheme: string, authority: string): Pick<GoUrl, 'user' | 'host'> {
  const at = authority.lastIndexOf('@')
  const host = parseHost(scheme, authority.slice(at + 1))
  if (at < 0) return { user: undefined, host }
  const written = authority.slice(0, at)
  if (!/^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/.test(written)) throw new UrlError('net/url: invalid userinfo')
  const colon = written.indexOf(':')
  const parts = colon < 0 ? [written] : [written.slice(0, colon), written.slice(colon + 1)]
  return { user: parts.map((part) => decode(part, 'userPassword')), host }
}

function parseHost(scheme: string, host: string): string {
  const bracket = host.lastIndexOf('[')
  if (bracket > 0) throw new UrlError('invalid IP-literal')
  if (bracket === 0) return parseLiteral(host)
  const first = host.indexOf(':')
  const colon = scheme === 'http' || scheme === 'https' ? first : host.lastIndexOf(':')
  if (first >= 0) checkPort(host.slice(colon))
  return decode(host, 'host')
}

/** `[::1]:80`. */
function parseLiteral(host: string): string {
  const close = host.lastIndexOf(']')
  if (close < 0) throw new UrlError("missing ']' in host")
  const port = host.slice(close + 1)
  checkPort(port)
  const written = host.slice(1, close)
  const zone = written.indexOf('%25')
  const name =
    zone < 0 ? decode(written, 'host') : decode(written.slice(0, zone), 'host') + decode(written.slice(zone), 'zone')
  if (literalBytes(name) === 4) throw new UrlError('invalid IP-literal')
  return `[${name}]${port}`
}

function literalBytes(name: string): number {
  try {
    return parseAddress(fromBytes(name)).bytes.length
  } catch (error) {
    if (!(error instanceof AddressError)) throw error
    throw new UrlError(`invalid host: ${error.message}`)
  }
}

const optionalPort = /^(?::[0-9]*)?$/

function checkPort(port: string): void {
  if (!optionalPort.test(port)) throw new UrlError(`invalid port ${goQuote(fromBytes(port))} after host`)
}

type Mode = 'path' | 'host' | 'zone' | 'userPassword' | 'query' | 'fragment'

const unreserved = 'A-Za-z0-9\\-._~'
const hostSafe = `${unreserved}!"$&'()*+,:;<=>\\[\\]`

/** What needs no escape in each part of a URL. */
const safe: Readonly<Record<Mode, string>> = {
  path: `${unreserved}$&+,/:;=@`,
  host: hostSafe,
  zone: hostSafe,
  userPassword: `${unreserved}$&+,;=`,
  query: unreserved,
  fragment: `${unreserved}!$&()*+,/:;=?@`,
}

const unsafe = Object.fromEntries(
  Object.entries(safe).map(([mode, characters]) => [mode, new RegExp(`[^${characters}]`, 'g')]),
)
const escapes = /%.{0,2}/gs
/** Hosts do not escape ASCII: what is not safe there is wrong. */
const suspectInHost = new RegExp(`%.{0,2}|[^${hostSafe}%\\u0080-\\u00ff]`, 'gs')
const hostByte = new RegExp(`[${hostSafe}]`)

function decode(text: string, mode: Mode): string {
  for (const [part] of text.matchAll(mode === 'host' || mode === 'zone' ? suspectInHost : escapes)) check(part, mode)
  const spaced = mode === 'query' ? text.replaceAll('+', ' ') : text
  return spaced.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Hosts may escape only bytes that are no ASCII, and `%` itself; zones also what is safe and the space. */
function check(part: string, mode: Mode): void {
  if (part[0] !== '%') throw new UrlError(`invalid character ${goQuote(part)} in host name`)
  const code = /^%[0-9A-Fa-f]{2}$/.test(part) ? Number.parseInt(part.slice(1), 16) : undefined
  const allowed =
    code !== undefined &&
    (mode !== 'host' || code >= 0x80 || part === '%25') &&
    (mode !== 'zone' || part === '%25' || code === 0x20 || hostByte.test(String.fromCharCode(code)))
  if (!allowed) throw new UrlError(`invalid URL escape ${goQuote(fromBytes(part))}`)
}

function encode(text: string, mode: Mode): string {
  const pattern = unsafe[mode]
  return pattern === undefined ? text : text.replace(pattern, percent)
}

function percent(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

/** The host without port and brackets, and the port. */
export function splitHostPort(host: string): { readonly hostname: string; readonly port: string } {
  const colon = host.lastIndexOf(':')
  const hasPort = colon >= 0 && optionalPort.test(host.slice(colon))
  const name = hasPort ? host.slice(0, colon) : host
  const bare = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  return { hostname: bare, port: hasPort ? host.slice(colon + 1) : '' }
}

/** The path with escapes: as it was written if that is valid. */
export function escapedPath({ path, rawPath }: GoUrl): string {
  if (rawPath !== '' && validPath.test(rawPath)) return rawPath
  return path === '*' ? '*' : encode(path, 'path')
}

const validPath = new RegExp(`^[${safe.path}!'()*\\[\\]%]*$`)
const validFragment = new RegExp(`^[${safe.fragment}'\\[\\]%]*$`)

/** More parameters than this and none is read. */
const mostParameters = 10_000

/** The parameters of the query by name; what is malformed is left out. */
export function parseQuery({ rawQuery }: GoUrl): ReadonlyMap<string, readonly string[]> {
  const result = new Map<string, string[]>()
  const pairs = rawQuery.split('&')
  if (pairs.length > mostParameters) return result
  for (const pair of pairs) {
    if (pair === '' || pair.includes(';')) continue
    const equals = pair.indexOf('=')
    const name = queryPart(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : queryPart(pair.slice(equals + 1))
    if (name === undefined || value === undefined) continue
    const values = result.get(name)
    if (values === undefined) result.set(name, [value])
    else values.push(value)
  }
  return result
}

function queryPart(written: string): string | undefined {
  try {
    return decode(written, 'query')
  } catch (error) {
    if (error instanceof UrlError) return undefined
    throw error
  }
}

/** The URL as text. */
export function formatUrl(url: GoUrl): string {
  const scheme = url.scheme === '' ? '' : `${url.scheme}:`
  const query = url.forceQuery || url.rawQuery !== '' ? `?${url.rawQuery}` : ''
  return `${scheme}${url.opaque === '' ? hierarchy(url, scheme) : url.opaque}${query}${fragmentText(url)}`
}

function hierarchy(url: GoUrl, scheme: string): string {
  const { host, user, omitHost, path } = url
  const hasAuthority = host !== '' || user !== undefined
  const showsHost = hasAuthority || (scheme !== '' && !omitHost)
  const slashes = showsHost && (hasAuthority || path !== '') ? '//' : ''
  const login = user === undefined ? '' : `${user.map((part) => encode(part, 'userPassword')).join(':')}@`
  const before = `${slashes}${login}${encode(host, 'host')}`
  const written = escapedPath(url)
  const slash = written !== '' && !written.startsWith('/') && host !== '' ? '/' : ''
  const dot = scheme + before + slash === '' && (written.split('/', 1)[0] ?? '').includes(':') ? './' : ''
  return `${before}${slash}${dot}${written}`
}

function fragmentText({ fragment, rawFragment }: GoUrl): string {
  if (fragment === '') return ''
  return `#${rawFragment !== '' && validFragment.test(rawFragment) ? rawFragment : encode(fragment, 'fragment')}`
}
