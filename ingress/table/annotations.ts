/** What annotations of an Ingress ask for. Names and defaults are those of ingress-nginx, under its prefix or ours. Pure. */
import type { Ingress } from '../../api/networking/v1.ts'

export type BackendProtocol = 'http' | 'https' | 'h2c' | 'h2'
export type AffinityCookie = {
  readonly name: string
  readonly path: string
  /** Absent: as long as the browser runs. */
  readonly maxAgeSeconds?: number
  readonly isSecure: boolean
}

/** How requests of one Ingress are treated. */
export type Settings = {
  readonly redirect: 'never' | 'withTls' | 'always'
  readonly rewriteTarget?: string
  readonly usesRegex: boolean
  /** Absent: what the Service's `appProtocol` says, or HTTP. */
  readonly protocol?: BackendProtocol
  /** 0: no limit. */
  readonly maxBodyBytes: number
  readonly connectTimeoutMs: number
  readonly readTimeoutMs: number
  readonly cookie?: AffinityCookie
}
export type Defaults = Pick<Settings, 'redirect' | 'maxBodyBytes' | 'connectTimeoutMs' | 'readTimeoutMs'>

const prefixes = ['nginx.ingress.kubernetes.io/', 'kubets.io/'] as const
const protocols: Readonly<Record<string, BackendProtocol>> = { HTTP: 'http', HTTPS: 'https', GRPC: 'h2c', GRPCS: 'h2' }

/** Reads the annotations; what is wrong is left at its default and told. */
export function settingsOf(
  { metadata }: Ingress,
  defaults: Defaults,
): { readonly settings: Settings; readonly problems: readonly string[] } {
  const problems: string[] = []
  const read = <T>(name: string, parse: (text: string) => T | undefined): T | undefined => {
    const text = textOf(metadata.annotations, name)
    if (text === undefined) return undefined
    const value = parse(text)
    if (value === undefined) problems.push(`annotation ${name} has the invalid value "${text}"`)
    return value
  }
  const sslRedirect = read('ssl-redirect', parseBoolean)
  const forced = read('force-ssl-redirect', parseBoolean)
  const rewriteTarget = read('rewrite-target', (text) => (text.startsWith('/') ? text : undefined))
  const protocol = read('backend-protocol', (text) => protocols[text.toUpperCase()])
  const cookie = cookieOf(read)
  const settings = {
    redirect:
      forced === true ? 'always' : sslRedirect === undefined ? defaults.redirect : sslRedirect ? 'withTls' : 'never',
    usesRegex: read('use-regex', parseBoolean) ?? false,
    maxBodyBytes: read('proxy-body-size', parseSize) ?? defaults.maxBodyBytes,
    connectTimeoutMs: read('proxy-connect-timeout', parseSeconds) ?? defaults.connectTimeoutMs,
    readTimeoutMs: read('proxy-read-timeout', parseSeconds) ?? defaults.readTimeoutMs,
    ...(rewriteTarget === undefined ? {} : { rewriteTarget }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(cookie === undefined ? {} : { cookie }),
  } as const
  return { settings, problems }
}

type Read = <T>(name: string, parse: (text: string) => T | undefined) => T | undefined

function cookieOf(read: Read): AffinityCookie | undefined {
  const affinity = read('affinity', (text) => (text === 'cookie' ? text : undefined))
  if (affinity === undefined) return undefined
  const maxAgeSeconds = read('session-cookie-max-age', parseCount)
  return {
    name: read('session-cookie-name', parseToken) ?? 'INGRESSCOOKIE',
    path: read('session-cookie-path', (text) => (/^\/[^;\s]*$/.test(text) ? text : undefined)) ?? '/',
    isSecure: read('session-cookie-secure', parseBoolean) ?? false,
    ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
  }
}

function textOf(annotations: Readonly<Record<string, string>> | undefined, name: string): string | undefined {
  for (const prefix of prefixes) {
    const text = annotations?.[`${prefix}${name}`]?.trim()
    if (text !== undefined && text !== '') return text
  }
  return undefined
}

function parseBoolean(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined
}

function parseCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined
}

function parseSeconds(text: string): number | undefined {
  const seconds = parseCount(text)
  return seconds === undefined || seconds === 0 ? undefined : seconds * 1_000
}

/** nginx's sizes: `8m`, `512k`, `1g`, bytes; 0 for no limit. */
function parseSize(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,9})([kmg]?)$/i.exec(text) ?? []
  if (digits === undefined) return undefined
  return Number(digits) * { '': 1, k: 1_024, m: 1_024 ** 2, g: 1_024 ** 3 }[unit.toLowerCase() as '' | 'k' | 'm' | 'g']
}

/** A cookie's name (RFC 6265 section 4.1.1). */
function parseToken(text: string): string | undefined {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text) ? text : undefined
}
