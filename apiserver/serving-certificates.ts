/** The flags about TLS as Node wants them, and the certificates for single names (SNI). Pure. */
import { X509Certificate } from 'node:crypto'
import { getCiphers, type SecureVersion } from 'node:tls'

/** Go's names of the cipher suites of TLS 1.2 that Node has, and OpenSSL's. */
const suites: Readonly<Record<string, string>> = {
  TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
  TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
  TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
  TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
  TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
  TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
}
/** Those of TLS 1.3 cannot be chosen, as in Go. */
const alwaysOn = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']
const versions: Readonly<Record<string, SecureVersion>> = {
  VersionTLS10: 'TLSv1',
  VersionTLS11: 'TLSv1.1',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
}

/** What is wrong with the flags, in upstream's words. */
export function tlsFlagProblems(cipherSuites: readonly string[], minVersion: string): readonly string[] {
  return [
    ...cipherSuites
      .filter((suite) => !Object.hasOwn(suites, suite) && !alwaysOn.includes(suite))
      .map((suite) => `Cipher suite ${suite} not supported or doesn't exist`),
    ...(minVersion === '' || Object.hasOwn(versions, minVersion)
      ? []
      : [`unknown tls version ${JSON.stringify(minVersion)}`]),
  ]
}

/** Node's options for them; absent where the default stands. */
export function tlsOptions(
  cipherSuites: readonly string[],
  minVersion: string,
): { readonly ciphers?: string; readonly minVersion: SecureVersion } {
  const known = new Set(getCiphers())
  const chosen = cipherSuites.map((suite) => suites[suite]).filter((suite) => suite !== undefined)
  const usable = chosen.filter((suite) => known.has(suite.toLowerCase()))
  const ciphers = [...alwaysOn, ...usable].join(':')
  return {
    minVersion: versions[minVersion] ?? 'TLSv1.2',
    ...(cipherSuites.length === 0 ? {} : { ciphers }),
  }
}

/** One `--tls-sni-cert-key`: `cert,key` or `cert,key:name,*.name`. */
export type SniFlag = { readonly certFile: string; readonly keyFile: string; readonly names: readonly string[] }

/** Reads the flag; `undefined` for a text that is none. */
export function parseSniFlag(text: string): SniFlag | undefined {
  const match = /^([^,:]+),([^,:]+)(?::(.+))?$/.exec(text)
  if (match === null) return undefined
  const [, certFile = '', keyFile = '', names = ''] = match
  return { certFile, keyFile, names: names === '' ? [] : names.split(',').map((name) => name.trim()) }
}

/** The names that a certificate serves: the flag's, or its own. */
export function sniNames({ names }: SniFlag, cert: string): readonly string[] {
  if (names.length > 0) return names
  const { subjectAltName = '', subject } = new X509Certificate(cert)
  const alternative = [...subjectAltName.matchAll(/DNS:([^,\s]+)/g)].map(([, name = '']) => name)
  const common = /(?:^|\n)CN=(.+)/.exec(subject)?.[1]
  return alternative.length > 0 || common === undefined ? alternative : [common]
}

/** The entry that serves a name: itself before a wildcard of its domain; the first of several. */
export function findSni<T>(
  entries: readonly { readonly names: readonly string[]; readonly value: T }[],
  name: string,
): T | undefined {
  const wanted = name.toLowerCase()
  const dot = wanted.indexOf('.')
  const wildcard = dot < 0 ? undefined : `*${wanted.slice(dot)}`
  const serving = (one: string | undefined) => entries.find(({ names }) => one !== undefined && names.includes(one))
  return (serving(wanted) ?? serving(wildcard))?.value
}
