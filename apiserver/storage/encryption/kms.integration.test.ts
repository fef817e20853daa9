import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../component-base/clock.ts'
import { rawClient } from '../../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../../test/fixtures/control-plane.ts'
import { createFakeKmsPlugin, type FakeKmsPlugin } from '../../../test/fixtures/fake-kms-plugin.ts'
import { eventually, patienceMs } from '../../../test/fixtures/process.ts'
import { createEtcdStorage } from '../etcd.ts'
import type { Storage } from '../storage.ts'

const secrets = '/api/v1/namespaces/default/secrets'
let folder: string
let plugin: FakeKmsPlugin
let plane: TestControlPlane
let etcd: Storage

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-kms-'))
  plugin = createFakeKmsPlugin(join(folder, 'plugin.sock'))
  await plugin.start()
  const kms = { apiVersion: 'v2', name: 'fake', endpoint: plugin.endpoint }
  const resources = [{ resources: ['secrets'], providers: [{ kms }, { identity: {} }] }]
  const file = join(folder, 'encryption.json')
  const configuration = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }
  await writeFile(file, JSON.stringify(configuration))
  plane = await startControlPlane({ flags: [`--encryption-provider-config=${file}`] })
  etcd = createEtcdStorage({ servers: [plane.etcd.url] }, systemClock)
}, 60_000)
afterAll(async () => {
  etcd?.close()
  await plane?.close()
  plugin?.stop()
  await rm(folder, { recursive: true, force: true })
})

test(
  'a plugin keeps the key of Secrets: also when it went away, and when it is back after a restart',
  async () => {
    const api = await rawClient(plane)
    const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, stringData: { password: 'swordfish' } }
    await eventually('the plugin to be well', async () => (await api.send('/readyz/kms-providers')).code === 200)
    expect(await api.send(secrets, { method: 'POST', body })).toMatchObject({ code: 201 })
    const stored = await etcd.get('/registry/secrets/default/a', new AbortController().signal)
    expect(stored?.value.toString('latin1')).toMatch(/^k8s:enc:kms:v2:fake:/)
    expect(stored?.value.toString('latin1')).not.toContain('Secret')

    plugin.stop()
    expect((await api.send(`${secrets}/a`)).json.data.password).toBe(Buffer.from('swordfish').toString('base64'))
    const named = { ...body, metadata: { name: 'b' } }
    expect(await api.send(secrets, { method: 'POST', body: named })).toMatchObject({ code: 201 })

    // A server that never spoke with the plugin cannot read, and hears of it when it is back.
    await plane.restart()
    const later = await rawClient(plane)
    const unread = await later.send(`${secrets}/a`)
    expect(unread).toMatchObject({ code: 500 })
    expect(unread.json.message).toContain('got unexpected nil transformer')
    const refused = await later.send(secrets, { method: 'POST', body: { ...body, metadata: { name: 'c' } } })
    expect(refused.json).toMatchObject({
      code: 500,
      message: 'Internal error occurred: got unexpected nil transformer',
    })
    expect(await later.send('/readyz/kms-providers')).toMatchObject({ code: 500 })
    await plugin.start()
    await eventually('the values to be read again', async () => {
      // Whoever asks for the health has the plugin asked again.
      await later.send('/readyz/kms-providers')
      return (await later.send(`${secrets}/b`)).code === 200
    })
    const read = await later.send(`${secrets}/b`)
    expect(read.json.data.password).toBe(Buffer.from('swordfish').toString('base64'))
    expect(await later.send(secrets, { method: 'POST', body: { ...body, metadata: { name: 'c' } } })).toMatchObject({
      code: 201,
    })
  },
  3 * patienceMs,
)
