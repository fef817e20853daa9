/** Reads PKCS#10 requests and makes certificates of them. */
// The X.509 package asks for it before anything of its own is loaded.
import 'reflect-metadata'
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Subject } from './plan.ts'

/** Clocks of others may be behind ours. */
const backdateMs = 300_000
const sanOid = '2.5.29.17'

/** The CA as Web Crypto knows it. */
export type Authority = {
  readonly certificate: X509Certificate
  readonly key: webcrypto.CryptoKey
  readonly algorithm: { readonly name: string; readonly hash: string }
}

/** Reads the CA's PEM files. */
export async function loadAuthority(cert: string, key: string): Promise<Authority> {
  cryptoProvider.set(webcrypto)
  const parsed = createPrivateKey(key)
  const curve = parsed.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256'
  const kind =
    parsed.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve: curve, hash: 'SHA-256' }
  const der = parsed.export({ type: 'pkcs8', format: 'der' })
  const imported = await webcrypto.subtle.importKey('pkcs8', der, kind, false, ['sign'])
  return { certificate: new X509Certificate(cert), key: imported, algorithm: { name: kind.name, hash: 'SHA-256' } }
}

function parse(request: string): Pkcs10CertificateRequest {
  return new Pkcs10CertificateRequest(Buffer.from(request, 'base64').toString('utf8'))
}

/** Who asks; `undefined` when the request makes no sense. */
export function subjectOf(request: string): Subject | undefined {
  try {
    const { subjectName, extensions } = parse(request)
    return {
      commonName: subjectName.getField('CN')[0] ?? '',
      organizations: subjectName.getField('O'),
      hasNames: extensions.some(({ type }) => type === sanOid),
    }
  } catch {
    return undefined
  }
}

export type Terms = {
  /** Base64 of the PEM, as it stands in the API. */
  readonly request: string
  readonly usages: readonly string[]
  readonly lifeMs: number
  readonly nowMs: number
}

/** The certificate as PEM. Subject, key and names are the request's; ways of use and life are ours to say. */
export async function signRequest(authority: Authority, { request, usages, lifeMs, nowMs }: Terms): Promise<string> {
  const asked = parse(request)
  if (!(await asked.verify())) throw new Error('the request is not signed by its own key')
  const endMs = Math.min(nowMs + lifeMs, authority.certificate.notAfter.getTime())
  const names = asked.extensions.filter(({ type }) => type === sanOid)
  const flags = keyUsageFlags(usages)
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    // An extension without any use would forbid every use.
    ...(flags === 0 ? [] : [new KeyUsagesExtension(flags, true)]),
    new ExtendedKeyUsageExtension(extendedUsages(usages)),
    await AuthorityKeyIdentifierExtension.create(authority.certificate),
    ...names.map(({ rawData }) => new SubjectAlternativeNameExtension(rawData)),
  ]
  const certificate = await X509CertificateGenerator.create({
    serialNumber: `00${randomBytes(15).toString('hex')}`,
    subject: asked.subject,
    issuer: authority.certificate.subject,
    notBefore: new Date(nowMs - backdateMs),
    notAfter: new Date(endMs),
    publicKey: asked.publicKey,
    signingKey: authority.key,
    signingAlgorithm: authority.algorithm,
    extensions,
  })
  return `${certificate.toString('pem')}\n`
}

function keyUsageFlags(usages: readonly string[]): number {
  const digital = usages.includes('digital signature') ? KeyUsageFlags.digitalSignature : 0
  const encipher = usages.includes('key encipherment') ? KeyUsageFlags.keyEncipherment : 0
  return digital | encipher
}

function extendedUsages(usages: readonly string[]): string[] {
  return [
    ...(usages.includes('client auth') ? [ExtendedKeyUsage.clientAuth] : []),
    ...(usages.includes('server auth') ? [ExtendedKeyUsage.serverAuth] : []),
  ]
}
