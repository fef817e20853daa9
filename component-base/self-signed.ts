import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  cryptoProvider,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import { replaceFile } from './replace-file.ts'
import type { KeyPair } from './tls.ts'

/**
 * A certificate that signs itself, valid for a year, for programs that are given none
 * (as upstream's do with `--cert-dir`). `names` are DNS names and IP addresses.
 */
export async function selfSignedKeyPair(commonName: string, names: readonly string[], nowMs: number): Promise<KeyPair> {
  cryptoProvider.set(webcrypto)
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(nowMs - 60_000),
    notAfter: new Date(nowMs + 365 * 86_400_000),
    extensions: [
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
      new SubjectAlternativeNameExtension(
        names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
    ],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  const lines = pkcs8.toString('base64').match(/.{1,64}/g) ?? []
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`,
  }
}

/**
 * The pair `<name>.crt` and `<name>.key` in `folder`, made with `make` and kept there when there is none. Without a folder it is kept
 * nowhere. Throws when there is only one of the two. Source: apiserver `MaybeDefaultWithSelfSignedCerts`.
 */
export async function keptKeyPair(folder: string, name: string, make: () => Promise<KeyPair>): Promise<KeyPair> {
  if (folder === '') return await make()
  const certFile = join(folder, `${name}.crt`)
  const keyFile = join(folder, `${name}.key`)
  const [cert, key] = await Promise.all([readIfThere(certFile), readIfThere(keyFile)])
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert !== undefined || key !== undefined) {
    const missing = cert === undefined ? certFile : keyFile
    throw new Error(`error reading ${missing}, certificate and key must be supplied as a pair`)
  }
  const made = await make()
  await mkdir(folder, { recursive: true, mode: 0o755 })
  await replaceFile(certFile, made.cert, 0o644)
  await replaceFile(keyFile, made.key, 0o600)
  return made
}

async function readIfThere(file: string): Promise<string | undefined> {
  return await readFile(file, 'utf8').catch(() => undefined)
}
