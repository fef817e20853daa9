/** From flags to authentication: reads the files and puts the methods together. */
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../component-base/clock.ts'
import type { Config } from '../config.ts'
import { find, type Lookup } from '../registry/typed-reader.ts'
import type { TokenIssuer } from '../subresources/token-request.ts'
import type { Authenticator } from './authenticator.ts'
import { createAuthenticator } from './chain.ts'
import { createClientCertAuthenticator, parseCertificates } from './client-cert.ts'
import { createRequestHeaderAuthenticator } from './request-header.ts'
import { createServiceAccountVerifier } from './service-account.ts'
import { parseSigningKey, parseVerificationKeys, type VerificationKey } from './service-account-keys.ts'
import {
  anyVerifier,
  createBootstrapTokenVerifier,
  createStaticTokenVerifier,
  parseTokenFile,
  type TokenVerifier,
} from './token.ts'

/** Everything that follows from the authentication flags. */
export type Credentials = {
  /** Never answers `undefined`. */
  readonly authenticate: ReturnType<typeof createAuthenticator>
  readonly verifyToken: TokenVerifier
  readonly tokenIssuer: TokenIssuer | undefined
  /** Published as the key set. */
  readonly verificationKeys: readonly VerificationKey[]
  /** Authorities whose client certificates the TLS layer must verify, as PEM. */
  readonly clientAuthorities: readonly string[]
}

type Sources = { readonly lookup: Lookup; readonly clock: Clock }

/** Reads the files that the flags name; throws when one is missing or malformed. */
export async function loadCredentials(config: Config, { lookup, clock }: Sources): Promise<Credentials> {
  const { flags } = config
  const clientCa = await readOptional(flags['client-ca-file'])
  const proxyCa = await readOptional(flags['requestheader-client-ca-file'])
  const signingPem = await readOptional(flags['service-account-signing-key-file'])
  const keyFiles = await Promise.all(flags['service-account-key-file'].map((path) => readFile(path, 'utf8')))
  // Without key files, the signing key's own public half verifies.
  const verificationKeys = parseVerificationKeys(keyFiles.length > 0 ? keyFiles : [signingPem])
  const verifyToken = anyVerifier([
    ...(await staticTokens(config)),
    createServiceAccountVerifier({
      issuers: config.serviceIssuers,
      keys: verificationKeys,
      apiAudiences: config.apiAudiences,
      readObject: async (kind, namespace, name, signal) => await find(lookup, kind, namespace, name, signal),
      clock,
    }),
    ...(flags['enable-bootstrap-token-auth']
      ? [createBootstrapTokenVerifier(lookup.reader, clock, config.apiAudiences)]
      : []),
  ])
  const clientCas = parseCertificates(clientCa)
  const otherCas = parseCertificates(proxyCa)
  const authenticate = createAuthenticator({
    verifyToken,
    anonymous: flags['anonymous-auth'],
    ...(clientCas.length === 0 ? {} : { clientCert: createClientCertAuthenticator({ clientCas, otherCas }) }),
    ...(otherCas.length === 0 ? {} : { requestHeader: frontProxy(config, otherCas) }),
  })
  return {
    authenticate,
    verifyToken,
    tokenIssuer: signingPem === '' ? undefined : tokenIssuer(config, signingPem),
    verificationKeys,
    clientAuthorities: [clientCa, proxyCa].filter((pem) => pem !== ''),
  }
}

async function readOptional(path: string): Promise<string> {
  return path === '' ? '' : await readFile(path, 'utf8')
}

async function staticTokens({ flags, apiAudiences }: Config): Promise<readonly TokenVerifier[]> {
  const text = await readOptional(flags['token-auth-file'])
  return text === '' ? [] : [createStaticTokenVerifier(parseTokenFile(text), apiAudiences)]
}

function frontProxy({ flags }: Config, cas: ReturnType<typeof parseCertificates>): Authenticator {
  return createRequestHeaderAuthenticator({
    cas,
    allowedNames: flags['requestheader-allowed-names'],
    usernameHeaders: flags['requestheader-username-headers'],
    uidHeaders: flags['requestheader-uid-headers'],
    groupHeaders: flags['requestheader-group-headers'],
    extraHeaderPrefixes: flags['requestheader-extra-headers-prefix'],
  })
}

function tokenIssuer({ flags, serviceIssuers, apiAudiences }: Config, signingPem: string): TokenIssuer | undefined {
  const [issuer] = serviceIssuers
  if (issuer === undefined) return undefined
  const maxMs = flags['service-account-max-token-expiration']
  return {
    issuer,
    key: parseSigningKey(signingPem),
    apiAudiences,
    extendExpiration: flags['service-account-extend-token-expiration'],
    ...(maxMs === 0 ? {} : { maxExpirationSeconds: Math.floor(maxMs / 1000) }),
  }
}
