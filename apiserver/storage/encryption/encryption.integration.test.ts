import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { systemClock } from '../../../component-base/clock.ts'
import { type RawClient, rawClient } from '../../../test/fixtures/api-client.ts'
import { startControlPlane, type TestControlPlane } from '../../../test/fixtures/control-plane.ts'
import { startSecondApiServer } from '../../../test/fixtures/second-api-server.ts'
import { createEtcdStorage } from '../etcd.ts'
import type { Storage } from '../storage.ts'

const secrets = '/api/v1/namespaces/default/secrets'
const signal = new AbortController().signal
let folder: string
let plane: TestControlPlane
let api: RawClient
let etcd: Storage

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-encryption-'))
  plane = await startControlPlane()
  api = await rawClient(plane)
  etcd = createEtcdStorage({ servers: [plane.etcd.url] }, systemClock)
})
afterAll(async () => {
  etcd?.close()
  await plane?.close()
  await rm(folder, { recursive: true, force: true })
})

async function configuration(name: string, ...providers: readonly object[]): Promise<readonly string[]> {
  const file = join(folder, `${name}.yaml`)
  const resources = [{ resources: ['secrets'], providers }]
  await writeFile(
    file,
    JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'EncryptionConfiguration', resources }),
  )
  return [`--encryption-provider-config=${file}`]
}

function keys(...names: readonly string[]): object {
  return { keys: names.map((name) => ({ name, secret: Buffer.alloc(32, name).toString('base64') })) }
}

async function stored(name: string): Promise<string> {
  const found = await etcd.get(`/registry/secrets/default/${name}`, signal)
  return found?.value.toString('latin1') ?? ''
}

function secret(name: string): object {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { password: 'swordfish' } }
}

it('encrypts what is written, reads what was plain, and rewrites it on an update that changes nothing', async () => {
  expect((await api.send(secrets, { method: 'POST', body: secret('plain') })).json).toMatchObject({ kind: 'Secret' })
  expect(await stored('plain')).toMatch(/^\{"kind":"Secret"/)
  const flags = await configuration('one', { secretbox: keys('key1') }, { identity: {} })
  const server = await startSecondApiServer(plane, { flags })
  try {
    const created = await server.api.send(secrets, { method: 'POST', body: secret('sealed') })
    expect(created.code).toBe(201)
    expect(await stored('sealed')).toMatch(/^k8s:enc:secretbox:v1:key1:/)
    expect(await stored('sealed')).not.toContain('password')

    const read = await server.api.send(`${secrets}/plain`)
    expect(Buffer.from(read.json.data.password, 'base64').toString()).toBe('swordfish')
    const same = await server.api.send(`${secrets}/plain`, { method: 'PUT', body: read.json })
    expect(same.code).toBe(200)
    expect(await stored('plain')).toMatch(/^k8s:enc:secretbox:v1:key1:/)
    const version = same.json.metadata.resourceVersion
    const again = await server.api.send(`${secrets}/plain`, { method: 'PUT', body: same.json })
    expect(again.json.metadata.resourceVersion).toBe(version)

    const list = await server.api.send(secrets)
    expect(list.json.items.map((item: { metadata: { name: string } }) => item.metadata.name)).toEqual([
      'plain',
      'sealed',
    ])
  } finally {
    await server.close()
  }
})

it('keeps another kind plain, and shows decrypted objects in watches', async () => {
  const flags = await configuration('watch', { aesgcm: keys('key1') }, { identity: {} }, { secretbox: keys('key1') })
  const server = await startSecondApiServer(plane, { flags })
  try {
    const second = await rawClient({ ...plane, url: server.url, port: server.port })
    const watch = await second.watch(`${secrets}?watch=true&resourceVersion=0&fieldSelector=metadata.name%3Dwatched`)
    await server.api.send(secrets, { method: 'POST', body: secret('watched') })
    const event = await watch.next()
    watch.close()
    expect(event.type).toBe('ADDED')
    expect(event.object.data.password).toBe(Buffer.from('swordfish').toString('base64'))
    expect(await stored('watched')).toMatch(/^k8s:enc:aesgcm:v1:key1:/)
    await server.api.send('/api/v1/namespaces/default/configmaps', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'open' }, data: { a: 'b' } },
    })
    const found = await etcd.get('/registry/configmaps/default/open', signal)
    expect(found?.value.toString()).toMatch(/^\{"kind":"ConfigMap"/)
  } finally {
    await server.close()
  }
})

it('answers 500 for what no provider opens, and serves the rest', async () => {
  const flags = await configuration('other', { aescbc: keys('key9') })
  const writer = await startSecondApiServer(plane, { flags })
  await writer.api.send(secrets, { method: 'POST', body: secret('foreign') })
  await writer.close()
  expect(await stored('foreign')).toMatch(/^k8s:enc:aescbc:v1:key9:/)
  const read = await api.send(`${secrets}/foreign`)
  expect(read.code).toBe(500)
  expect(read.json).toMatchObject({
    reason: 'InternalError',
    message: 'Internal error occurred: identity transformer tried to read encrypted data',
  })
  const list = await api.send(secrets)
  expect(list.code).toBe(500)
  expect(list.json.message).toMatch(/^Internal error occurred: unable to transform key "\/registry\/secrets\/default\//)
  expect((await api.send('/api/v1/namespaces/default/configmaps')).code).toBe(200)
  expect((await api.send('/readyz')).text).toBe('ok')
})
