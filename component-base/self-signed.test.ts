import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { keptKeyPair, selfSignedKeyPair } from './self-signed.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-self-signed-'))
})
afterEach(async () => await rm(folder, { recursive: true, force: true }))

const make = async () => await selfSignedKeyPair('test', ['localhost', '127.0.0.1'], Date.now())

test('keptKeyPair() makes a pair once and finds it again, the key for nobody else to read', async () => {
  const made = await keptKeyPair(join(folder, 'certs'), 'apiserver', make)
  expect(await keptKeyPair(join(folder, 'certs'), 'apiserver', make)).toEqual(made)
  expect(await readFile(join(folder, 'certs/apiserver.crt'), 'utf8')).toBe(made.cert)
  expect((await stat(join(folder, 'certs/apiserver.key'))).mode & 0o777).toBe(0o600)
})

test('keptKeyPair() refuses half a pair, and keeps nothing without a folder', async () => {
  await keptKeyPair(folder, 'apiserver', make)
  await rm(join(folder, 'apiserver.key'))
  await expect(keptKeyPair(folder, 'apiserver', make)).rejects.toThrow(
    `error reading ${folder}/apiserver.key, certificate and key must be supplied as a pair`,
  )
  const [one, other] = [await keptKeyPair('', 'apiserver', make), await keptKeyPair('', 'apiserver', make)]
  expect(one.cert).not.toBe(other.cert)
})
