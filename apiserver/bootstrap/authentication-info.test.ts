import { beforeAll, describe, expect, it } from 'vitest'
import { selfSignedKeyPair } from '../../component-base/self-signed.ts'
import { mergeAuthenticationData } from './authentication-info.ts'

const nowMs = Date.parse('2026-06-01T00:00:00Z')
let one: string
let two: string

beforeAll(async () => {
  one = (await selfSignedKeyPair('one', [], nowMs)).cert.trim()
  two = (await selfSignedKeyPair('two', [], nowMs)).cert.trim()
})

describe('mergeAuthenticationData()', () => {
  it('adds its own authority to those of other servers, each once', () => {
    const current = { 'client-ca-file': `${one}\n` }
    const merged = mergeAuthenticationData(current, { 'client-ca-file': `${two}\n${one}\n` }, nowMs)
    expect(merged['client-ca-file']).toBe(`${one}\n${two}\n`)
  })

  it('leaves out what has expired or is no certificate', () => {
    const later = nowMs + 100 * 365 * 86_400_000
    const nonsense = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
    expect(mergeAuthenticationData({}, { 'client-ca-file': one }, later)['client-ca-file']).toBe('')
    expect(mergeAuthenticationData({}, { 'client-ca-file': nonsense }, nowMs)['client-ca-file']).toBe('')
  })

  it('unites lists and keeps what it does not know', () => {
    const current = { 'requestheader-allowed-names': '["a"]', other: 'x' }
    expect(mergeAuthenticationData(current, { 'requestheader-allowed-names': '["b","a"]' }, nowMs)).toEqual({
      'requestheader-allowed-names': '["a","b"]',
      other: 'x',
    })
  })
})
