/** Client certificates: the common name is the user, the organizations are the groups. */
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { UserInfo } from '../http/request-info.ts'
import type { Authenticator } from './authenticator.ts'
import { unauthorized } from './user.ts'

/** What a connection's certificate says, looked at once per connection. */
type Verdict = { readonly type: 'none' } | { readonly type: 'bad' } | { readonly type: 'good'; readonly user: UserInfo }

/**
 * Users by certificates that the TLS layer has verified. `otherCas` are authorities that the TLS layer trusts for other
 * purposes (the front proxy): their certificates are nobody here.
 */
export function createClientCertAuthenticator(options: {
  readonly clientCas: readonly X509Certificate[]
  readonly otherCas?: readonly X509Certificate[]
}): Authenticator {
  const verdicts = new WeakMap<TLSSocket, Verdict>()
  return async ({ connection }) => {
    const known = verdicts.get(connection) ?? judge(connection, options)
    verdicts.set(connection, known)
    if (known.type === 'bad') throw unauthorized()
    return known.type === 'good' ? known.user : undefined
  }
}

function judge(
  connection: TLSSocket,
  options: { readonly clientCas: readonly X509Certificate[]; readonly otherCas?: readonly X509Certificate[] },
): Verdict {
  const certificate = connection.getPeerX509Certificate?.()
  if (certificate === undefined) return { type: 'none' }
  if (!connection.authorized) return { type: 'bad' }
  const isForeign = isIssuedBy(certificate, options.otherCas ?? []) && !isIssuedBy(certificate, options.clientCas)
  return isForeign ? { type: 'none' } : { type: 'good', user: userOfCertificate(certificate) }
}

/** Whether one of these authorities signed the certificate itself. */
export function isIssuedBy(certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean {
  return authorities.some((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey))
}

/** CN and O of the subject; the fingerprint becomes the credential id, as upstream reports it. */
export function userOfCertificate(certificate: X509Certificate): UserInfo {
  const subject = certificate.toLegacyObject().subject as Readonly<Record<string, string | readonly string[]>>
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase()
  return {
    name: asList(subject['CN']).at(-1) ?? '',
    groups: asList(subject['O']),
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${fingerprint}`] },
  }
}

function asList(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return []
  return typeof value === 'string' ? [value] : value
}

/** All certificates of a PEM bundle. */
export function parseCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  return blocks.map((block) => new X509Certificate(block))
}
