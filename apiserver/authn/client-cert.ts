/** Client certificates: the common name is the user, the organizations are the groups. */
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { UserInfo } from '../http/request-info.ts'
import type { Authenticator } from './authenticator.ts'
import { unauthorized } from './user.ts'

/** What a connection's certificate says, looked at once per connection. */
type Verdict = { readonly type: 'none' } | { readonly type: 'bad' } | { readonly type: 'good'; readonly user: UserInfo }

/** Users by certificates that the TLS layer has verified and that lead to one of `clientCas`; others are refused. */
export function createClientCertAuthenticator(options: {
  readonly clientCas: readonly X509Certificate[]
}): Authenticator {
  const verdicts = new WeakMap<TLSSocket, Verdict>()
  return ({ connection }) => {
    const known = verdicts.get(connection) ?? judge(connection, options.clientCas)
    verdicts.set(connection, known)
    if (known.type === 'bad') throw unauthorized()
    return known.type === 'good' ? known.user : undefined
  }
}

/** The TLS layer also trusts the authorities of front proxies, whose certificates make nobody a user. */
function judge(connection: TLSSocket, clientCas: readonly X509Certificate[]): Verdict {
  const certificate = connection.getPeerX509Certificate?.()
  if (certificate === undefined) return { type: 'none' }
  if (!connection.authorized || !isChainedTo(connection, clientCas)) return { type: 'bad' }
  const user = userOfCertificate(certificate)
  if (user === 'bad') return { type: 'bad' }
  return user === undefined ? { type: 'none' } : { type: 'good', user }
}

/** Longer chains do not occur; the limit ends a chain that runs in a circle. */
const maxChainLength = 10

/** Whether the certificate of a verified connection leads, by signatures, to one of these authorities. */
export function isChainedTo(connection: TLSSocket, authorities: readonly X509Certificate[]): boolean {
  let current = connection.getPeerX509Certificate?.()
  let link = connection.getPeerCertificate(true)
  for (let length = 0; current !== undefined && length < maxChainLength; length++) {
    if (isIssuedBy(current, authorities)) return true
    link = link.issuerCertificate
    if (link?.raw === undefined) return false
    const issuer = new X509Certificate(link.raw)
    if (!issuer.ca || !isIssuedBy(current, [issuer])) return false
    current = issuer
  }
  return false
}

/** Whether one of these authorities signed the certificate itself. */
function isIssuedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey))
}

/** The attribute of the subject that carries the user's uid. Source: KEP-5284, `uidOID`. */
const uidAttribute = '1.3.6.1.4.1.57683.2'

/** CN, O and uid of the subject; the fingerprint becomes the credential id, as upstream reports it. Without CN: nobody. */
export function userOfCertificate(certificate: X509Certificate): UserInfo | 'bad' | undefined {
  const name = commonName(certificate)
  if (name === '') return undefined
  const uids = subjectValues(certificate, uidAttribute)
  const [uid] = uids
  if (uids.length > 1 || uid === '') return 'bad'
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  return {
    name,
    ...(uid === undefined ? {} : { uid }),
    groups: subjectValues(certificate, 'O'),
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
  }
}

/** The last common name, as Go reads it. */
export function commonName(certificate: X509Certificate): string {
  return subjectValues(certificate, 'CN').at(-1) ?? ''
}

function subjectValues(certificate: X509Certificate, attribute: string): readonly string[] {
  const subject = certificate.toLegacyObject().subject as Readonly<Record<string, string | readonly string[]>>
  const value = subject[attribute]
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}

/** All certificates of a PEM bundle. */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}
