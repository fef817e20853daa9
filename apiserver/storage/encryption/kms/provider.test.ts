import { createHmac, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../../../component-base/clock.ts'
import { sealGcm } from '../providers.ts'
import { Recovery } from '../recovery.ts'
import { open, seal, type TransformerChain } from '../transformer.ts'
import { encryptedObject } from './messages.ts'
import { KmsCallError, type KmsPlugin } from './plugin.ts'
import { KmsProvider } from './provider.ts'

const key = '/registry/secrets/default/a'
const plain = Buffer.from('{"kind":"Secret"}')
const nothing = { called: () => {}, used: () => {}, named: () => {}, refused: () => {} }

/** A plugin whose ciphertexts are the plaintexts behind the key's id. */
function fakePlugin() {
  const state = {
    keyId: 'one',
    healthz: 'ok',
    version: 'v2',
    isAway: false,
    encryptsWith: undefined as string | undefined,
  }
  const calls = { status: 0, encrypt: 0, decrypt: 0 }
  const answer = async <T>(method: keyof typeof calls, value: () => T): Promise<T> => {
    calls[method]++
    if (state.isAway) throw new KmsCallError('rpc error: code = DeadlineExceeded desc = context deadline exceeded')
    return value()
  }
  const plugin: KmsPlugin = {
    status: async () => await answer('status', () => state),
    encrypt: async ({ plaintext }) =>
      await answer('encrypt', () => {
        const keyId = state.encryptsWith ?? state.keyId
        return { ciphertext: Buffer.concat([Buffer.from(`${keyId}:`), plaintext]), keyId, annotations: {} }
      }),
    decrypt: async ({ ciphertext, keyId }) =>
      await answer('decrypt', () => ({ plaintext: ciphertext.subarray(keyId.length + 1) })),
    close: () => {},
  }
  return { state, calls, plugin }
}

function fixture() {
  const { state, calls, plugin } = fakePlugin()
  const time = { ms: Date.parse('2026-01-01T00:00:00Z') }
  // Nobody waits here: what sleeps, sleeps for ever.
  const clock: Clock = { now: () => time.ms, sleep: async () => await new Promise(() => {}) }
  let good = 0
  const make = () => new KmsProvider({ name: 'x', plugin, clock, metrics: nothing, onGood: () => good++ })
  const provider = make()
  return { state, calls, time, make, provider, goods: () => good }
}

function chain(provider: KmsProvider): TransformerChain {
  return [provider.transformer]
}

describe('KmsProvider', () => {
  test('writes what upstream reads: prefix, message, 32 bytes of info, AES-GCM under HKDF-Expand', async () => {
    const { provider } = fixture()
    expect(await provider.check()).toBeUndefined()
    const stored = await seal(chain(provider), plain, key)
    expect(stored.toString('latin1')).toMatch(/^k8s:enc:kms:v2:x:/)
    const object = encryptedObject.decode(stored.subarray('k8s:enc:kms:v2:x:'.length))
    expect(object).toMatchObject({ keyId: 'one', encryptedDekSourceType: 1 })
    expect(object.encryptedData).toHaveLength(32 + 12 + plain.length + 16)
    expect(object.encryptedDekSource).toHaveLength('one:'.length + 32)
    expect(await open(chain(provider), stored, key)).toEqual({ value: plain, stale: false })
    await expect(open(chain(provider), stored, `${key}b`)).rejects.toThrow('message authentication failed')
  })

  test('reads what another server wrote, with one call for all values of a seed', async () => {
    const { make, provider, calls } = fixture()
    const other = make()
    await Promise.all([provider.check(), other.check()])
    const stored = await Promise.all(['a', 'b', 'c'].map(async (name) => await seal(chain(provider), plain, name)))
    const opened = await Promise.all(
      ['a', 'b', 'c'].map(async (name, index) => await open(chain(other), stored[index] ?? plain, name)),
    )
    expect(opened).toEqual(opened.map(() => ({ value: plain, stale: false })))
    expect(calls.decrypt).toBe(1)
  })

  test('reads values whose seed is a plain key, and calls them stale', async () => {
    const { provider } = fixture()
    await provider.check()
    const dek = randomBytes(32)
    const object = encryptedObject.encode({
      keyId: 'one',
      encryptedDekSource: Buffer.concat([Buffer.from('one:'), dek]),
      annotations: {},
      encryptedDekSourceType: 0,
      encryptedData: sealGcm(dek, plain, key),
    })
    const stored = Buffer.concat([Buffer.from('k8s:enc:kms:v2:x:'), object])
    expect(await open(chain(provider), stored, key)).toEqual({ value: plain, stale: true })
  })

  test('derives the key of a value from seed and info', async () => {
    const { provider } = fixture()
    await provider.check()
    const seed = randomBytes(32)
    const info = randomBytes(32)
    // RFC 5869: T(1) = HMAC(PRK, "" | info | 0x01).
    const derived = createHmac('sha256', seed)
      .update(Buffer.concat([info, Buffer.of(1)]))
      .digest()
    const object = encryptedObject.encode({
      keyId: 'one',
      encryptedDekSource: Buffer.concat([Buffer.from('one:'), seed]),
      annotations: { 'a.example.com': Buffer.from('b') },
      encryptedDekSourceType: 1,
      encryptedData: Buffer.concat([info, sealGcm(derived, plain, key)]),
    })
    const stored = Buffer.concat([Buffer.from('k8s:enc:kms:v2:x:'), object])
    expect(await open(chain(provider), stored, key)).toEqual({ value: plain, stale: false })
  })

  test('makes a new seed when the key changes, and calls the old values stale', async () => {
    const { provider, state, time } = fixture()
    await provider.check()
    const old = await seal(chain(provider), plain, key)
    state.keyId = 'two'
    time.ms += 60_000
    expect(await provider.check()).toBeUndefined()
    expect(await open(chain(provider), old, key)).toEqual({ value: plain, stale: true })
    const fresh = await seal(chain(provider), plain, key)
    expect(await open(chain(provider), fresh, key)).toEqual({ value: plain, stale: false })
  })

  test('writes on for three minutes when the plugin is away, reads for ever, and goes on when it is back', async () => {
    const { provider, state, time, goods } = fixture()
    await provider.check()
    const stored = await seal(chain(provider), plain, key)
    state.isAway = true
    time.ms += 179_000
    expect(await provider.check()).toBe(
      'failed to perform status section of the healthz check for KMS Provider x, error: rpc error: code = DeadlineExceeded desc = context deadline exceeded',
    )
    expect(await seal(chain(provider), plain, key)).toBeInstanceOf(Buffer)
    time.ms += 2_000
    await expect(seal(chain(provider), plain, key)).rejects.toThrow(
      /^encryptedDEKSource with keyID hash "sha256:[0-9a-f]{64}" expired at 2026-01-01T00:03:00Z \(current time is 2026-01-01T00:03:01Z\)$/,
    )
    expect((await open(chain(provider), stored, key)).value).toEqual(plain)
    state.isAway = false
    time.ms += 3_000
    expect(await provider.check()).toBeUndefined()
    expect(await seal(chain(provider), plain, key)).toBeInstanceOf(Buffer)
    expect(goods()).toBe(2)
  })

  test('cannot write or read before the plugin has answered; what it could not read may be asked for again', async () => {
    const { make, provider, state } = fixture()
    await provider.check()
    const stored = await seal(chain(provider), plain, key)
    state.isAway = true
    const late = make()
    expect(await late.check()).toMatch(/DeadlineExceeded/)
    await expect(seal(chain(late), plain, key)).rejects.toThrow('got unexpected nil transformer')
    await expect(open(chain(late), stored, key)).rejects.toMatchObject({
      message: 'got unexpected nil transformer',
      passes: true,
    })
  })

  test.each([
    [{ healthz: 'sick' }, 'kmsv2 Provider x is not healthy, error: got unexpected healthz status: sick'],
    [{ version: 'v1' }, 'kmsv2 Provider x is not healthy, error: expected KMSv2 API version v2, got v1'],
    [{ keyId: '' }, 'kmsv2 Provider x is not healthy, error: got invalid KMSv2 KeyID hash "": keyID is empty'],
    [{ keyId: 'k'.repeat(1025) }, 'keyID is 1025 bytes, which exceeds the max size of 1024'],
    [
      { encryptsWith: 'zwei' },
      'errGen=<nil>, statusKeyIDHash="sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"',
    ],
    [{ encryptsWith: '' }, 'errGen=failed to validate key id: keyID is empty'],
  ])('is not well when the plugin says %j', async (change, problem) => {
    const { provider, state } = fixture()
    Object.assign(state, change)
    expect(await provider.check()).toContain(problem)
  })

  test('keeps its answers for a while', async () => {
    const { provider, calls, time } = fixture()
    for (const ms of [0, 19_000, 1_000]) {
      time.ms += ms
      await provider.check()
    }
    expect(calls.status).toBe(2)
  })

  test('refuses values that no server writes', async () => {
    const { provider } = fixture()
    await provider.check()
    const empty = { keyId: '', encryptedDekSource: Buffer.of(1), annotations: {}, encryptedDekSourceType: 1 }
    const stored = (object: Partial<Parameters<typeof encryptedObject.encode>[0]>): Buffer =>
      Buffer.concat([
        Buffer.from('k8s:enc:kms:v2:x:'),
        encryptedObject.encode({ ...empty, encryptedData: Buffer.of(0), ...object }),
      ])
    const refusals = [
      [{}, 'failed to validate key id: keyID is empty'],
      [{ keyId: 'one', encryptedDekSourceType: 2 }, 'unknown encryptedDEKSourceType: 2'],
      [{ keyId: 'one', encryptedData: Buffer.of() }, 'encrypted data is empty'],
      [
        { keyId: 'one', encryptedDekSource: Buffer.of() },
        'failed to validate encrypted DEK source: encrypted DEK source is empty',
      ],
      [
        { keyId: 'one', annotations: { plain: Buffer.of(1) } },
        'failed to validate annotations: annotations: Invalid value: "plain"',
      ],
    ] as const
    for (const [object, problem] of refusals) {
      await expect(open(chain(provider), stored(object), key)).rejects.toThrow(problem)
    }
  })
})

test('Recovery ends a watch once, when something was missed before', () => {
  const recovery = new Recovery()
  const { signal } = recovery
  recovery.recovered()
  expect(signal.aborted).toBe(false)
  recovery.missed()
  recovery.recovered()
  expect(signal.aborted).toBe(true)
  expect(recovery.signal.aborted).toBe(false)
})
