import { describe, expect, test } from 'vitest'
import { aesCbc, aesGcm, secretbox } from './providers.ts'
import { openSecretbox, sealSecretbox } from './secretbox.ts'
import { identity, open, seal, type Transformer } from './transformer.ts'

const key = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
const otherKey = Buffer.alloc(32, 7)
const etcdKey = '/registry/secrets/default/a'
const plain =
  '{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a","namespace":"default"},' +
  '"data":{"k":"dmFsdWUgbG9uZ2VyIHRoYW4gb25lIGJsb2NrIG9mIHNhbHNhMjAgKDY0IGJ5dGVzKQ=="}}'

/** What upstream's own transformers (1.36.2) made of `plain` with `key`. */
const upstream = {
  secretbox:
    '8pQs4iwIRln+/HBWQYZvHEHYizn4s+PnR7cRrU5c5y6rvurB3JPwEyPP0+lIk7Ym7kn4Oyc45e8A9JsY6shJ0qw/PE3ifmvhkuwhuxE70UNJrEROMs2U' +
    '83OTa+9Nn9RPu3dso1rwiBXrkT3fNUltyKGCigX8LTfsJ0fhYcwnUOCCJF+BZAHw/r3fbgPxjiqpeL/3oeB7eHmAi9JOD4Y2ExzoqU42As4FT16OYzDU' +
    '5ZIJax5csvF7/wEvTtc0cnc6WhsP1bdjTLhD2mPORQ==',
  aescbc:
    'Ul+Irr6lPZ0e1Sxqo4YFgi56ddtZybPCxEVJPoYZvGPcznuROBKTeqLPS4uxI19czvPbtKsuQdj81dKgbV/gH+4o0086nfbQIch1t6PVLk+V2MuwUpJC' +
    'vxst6mSnlRI6SQI/Ck84rrrQet4yIbM59Iwr5sRizWxLQxiT5dM3ktSStv4ghSWye4+1eUIXz/ummuekM/M89v7+dpGEYV/jGVAE5RGcuJXng7bYpqns' +
    'WWmDE0BlnreA4XGJBlVfd/PX',
  aesgcm:
    '2a6zAFdV2ZNoo1aGoYgj1Fvz5AumW2R4kfjAoOPEijRxMo1szzX/NO6KZtFDAPOIS45hiqsnYvtTKQ6fQ7gsHxKjm3KZNGGjWQy6Zb/oCJFV+5Ax+WrO' +
    'U+Rm2StooWzJKUp9xv4bJzTAS4Ip/Rp9y2o09U8sDOVAD1J2BKm4b7iTIm1cYE21B/Bb1aIZ7xzqFQR6CgvBDTxXafxk7V9LqO8wLCGg0vJZLL0n0VRR' +
    '6x5RcmduDk0CwTqmjK8xjG604g==',
}
const providers: Readonly<Record<string, Transformer>> = {
  secretbox: secretbox('key1', key),
  aescbc: aesCbc('key1', key),
  aesgcm: aesGcm('key1', key),
}

function provider(name: string): Transformer {
  const found = providers[name]
  if (found === undefined) throw new Error(name)
  return found
}

describe.each(Object.entries(upstream))('%s', (name, sealed) => {
  const one = provider(name)

  test('open reads what upstream wrote', async () => {
    const stored = Buffer.concat([Buffer.from(`k8s:enc:${name}:v1:key1:`), Buffer.from(sealed, 'base64')])
    const opened = await open([one], stored, etcdKey)
    expect(opened.value.toString()).toBe(plain)
    expect(opened.stale).toBe(false)
  })

  test('seal makes what open reads, differently each time', async () => {
    const first = await seal([one], Buffer.from(plain), etcdKey)
    const second = await seal([one], Buffer.from(plain), etcdKey)
    expect(first.toString('latin1').startsWith(`k8s:enc:${name}:v1:key1:`)).toBe(true)
    expect(first.equals(second)).toBe(false)
    expect((await open([one], first, etcdKey)).value.toString()).toBe(plain)
  })

  test('open refuses what is cut off', async () => {
    const stored = Buffer.from(`k8s:enc:${name}:v1:key1:abc`)
    await expect(open([one], stored, etcdKey)).rejects.toThrow('the stored data was shorter than the required size')
  })
})

describe('open', () => {
  test.each([
    ['a changed byte', 'aesgcm', 'cipher: message authentication failed'],
    ['a changed byte', 'secretbox', 'output array was not large enough for encryption'],
  ])('refuses %s of %s', async (_, name, message) => {
    const stored = await seal([provider(name)], Buffer.from(plain), etcdKey)
    stored[60] = (stored[60] ?? 0) ^ 1
    await expect(open([provider(name)], stored, etcdKey)).rejects.toThrow(message)
  })

  test('refuses an aesgcm value that was moved to another key', async () => {
    const stored = await seal([provider('aesgcm')], Buffer.from(plain), etcdKey)
    await expect(open([provider('aesgcm')], stored, '/registry/secrets/default/b')).rejects.toThrow(
      'cipher: message authentication failed',
    )
  })

  test('says that a value is stale when another than the first provider made it', async () => {
    const old = await seal([provider('aescbc')], Buffer.from(plain), etcdKey)
    const rotated = await open([aesCbc('key2', otherKey), provider('aescbc')], old, etcdKey)
    expect(rotated).toEqual({ value: Buffer.from(plain), stale: true })
    expect((await open([provider('aescbc'), identity], Buffer.from(plain), etcdKey)).stale).toBe(true)
  })

  test('goes on after a provider with the same prefix that cannot', async () => {
    const old = await seal([provider('aesgcm')], Buffer.from(plain), etcdKey)
    const opened = await open([aesGcm('key1', otherKey), provider('aesgcm')], old, etcdKey)
    expect(opened.value.toString()).toBe(plain)
  })

  test.each([
    ['a provider that is not there', 'k8s:enc:kms:v2:x:abc', 'no matching prefix found'],
    [
      'a key that is not there',
      'k8s:enc:aescbc:v1:key9:abc',
      'no matching key was found for the provided AES transformer',
    ],
    ['plain text where identity is not allowed', '{}', 'no matching prefix found'],
  ])('names %s', async (_, stored, message) => {
    await expect(open([provider('aescbc')], Buffer.from(stored), etcdKey)).rejects.toThrow(message)
  })

  test('lets identity read plain values only', async () => {
    expect((await open([identity], Buffer.from('{}'), etcdKey)).value.toString()).toBe('{}')
    const sealed = await seal([provider('aescbc')], Buffer.from(plain), etcdKey)
    await expect(open([identity], sealed, etcdKey)).rejects.toThrow('no matching prefix found')
  })
})

describe('sealSecretbox', () => {
  test.each([0, 1, 15, 16, 31, 32, 33, 63, 64, 65, 1000])(
    'makes a box of %i bytes that openSecretbox opens',
    (length) => {
      const text = Buffer.from(Array.from({ length }, (_, index) => (index * 7) & 255))
      const nonce = Buffer.alloc(24, 3)
      expect(openSecretbox(sealSecretbox(text, nonce, key), nonce, key)?.equals(text)).toBe(true)
    },
  )
})
