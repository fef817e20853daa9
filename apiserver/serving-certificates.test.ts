import { describe, expect, it } from 'vitest'
import { findSni, parseSniFlag, tlsFlagProblems, tlsOptions } from './serving-certificates.ts'

describe('parseSniFlag()', () => {
  it.each([
    ['a.crt,a.key', { certFile: 'a.crt', keyFile: 'a.key', names: [] }],
    ['a.crt,a.key:foo.com,*.bar.com', { certFile: 'a.crt', keyFile: 'a.key', names: ['foo.com', '*.bar.com'] }],
    ['a.crt', undefined],
  ])('reads %s', (text, expected) => {
    expect(parseSniFlag(text)).toEqual(expected)
  })
})

describe('findSni()', () => {
  const entries = [
    { names: ['*.foo.com'], value: 'wildcard' },
    { names: ['a.foo.com', 'bar.com'], value: 'exact' },
  ]
  it.each([
    ['a.foo.com', 'exact'],
    ['A.FOO.com', 'exact'],
    ['b.foo.com', 'wildcard'],
    ['foo.com', undefined],
    ['x.b.foo.com', undefined],
    ['bar.com', 'exact'],
  ])('finds what serves %s', (name, expected) => {
    expect(findSni(entries, name)).toBe(expected)
  })
})

describe('tlsOptions()', () => {
  it('says nothing of ciphers unless asked', () => {
    expect(tlsOptions([], '')).toEqual({ minVersion: 'TLSv1.2' })
  })

  it("takes Go's names", () => {
    expect(tlsOptions(['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'], 'VersionTLS13')).toEqual({
      minVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:ECDHE-RSA-AES128-GCM-SHA256',
    })
  })

  it('names what it does not know', () => {
    expect(tlsFlagProblems(['TLS_NONE'], 'VersionTLS14')).toEqual([
      "Cipher suite TLS_NONE not supported or doesn't exist",
      'unknown tls version "VersionTLS14"',
    ])
  })
})
