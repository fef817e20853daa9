import 'reflect-metadata'
import { webcrypto, X509Certificate } from 'node:crypto'
import { cryptoProvider, type JsonName, X509CertificateGenerator } from '@peculiar/x509'
import { describe, expect, it } from 'vitest'
import { userOfCertificate } from './client-cert.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function certificate(subject: JsonName): Promise<X509Certificate> {
  cryptoProvider.set(webcrypto)
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const signed = await X509CertificateGenerator.createSelfSigned({ name: subject, keys, signingAlgorithm: algorithm })
  return new X509Certificate(signed.toString('pem'))
}

const uid = '1.3.6.1.4.1.57683.2'

describe('userOfCertificate()', () => {
  it('takes the common name, the organizations and the uid of the subject', async () => {
    const user = userOfCertificate(
      await certificate([{ O: ['devs'] }, { O: ['ops'] }, { CN: ['jane'] }, { [uid]: ['u-1'] }]),
    )
    expect(user).toMatchObject({ name: 'jane', uid: 'u-1', groups: ['devs', 'ops'] })
  })

  it.each<[string, JsonName, 'bad' | undefined]>([
    ['nobody where the common name is missing', [{ O: ['devs'] }], undefined],
    ['nothing good of two uids', [{ CN: ['jane'] }, { [uid]: ['a'] }, { [uid]: ['b'] }], 'bad'],
  ])('makes %s', async (_, subject, expected) => {
    expect(userOfCertificate(await certificate(subject))).toBe(expected)
  })
})
