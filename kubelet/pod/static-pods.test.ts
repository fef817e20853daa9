import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../component-base/logger.ts'
import { decodePod } from './decode.ts'
import { watchStaticPods } from './static-pods.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-static-pods-'))
})
afterEach(async () => await rm(folder, { recursive: true, force: true }))

const manifest = (name: string) =>
  JSON.stringify({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'i' }] } })

/** Looks at the folder once before and once after each step; the names of the pods that it then knew. */
async function look(...steps: readonly (() => Promise<unknown>)[]): Promise<readonly (readonly string[])[]> {
  const seen: (readonly string[])[] = []
  const rest = [...steps]
  const stop = new AbortController()
  const sleep = async (): Promise<void> => {
    const step = rest.shift()
    if (step === undefined) stop.abort()
    else await step()
  }
  const options = {
    folder: join(folder, 'manifests'),
    nodeName: 'n1',
    periodMs: 1,
    clock: { now: () => 0, sleep },
    logger: silentLogger,
    decode: decodePod,
    onPods: (pods: readonly { readonly metadata: { readonly name: string } }[]) => {
      seen.push(pods.map(({ metadata }) => metadata.name))
    },
  }
  await expect(watchStaticPods(options, stop.signal)).rejects.toThrow('aborted')
  return seen
}

test('watchStaticPods() takes a folder that is not there for an empty one', async () => {
  expect(await look()).toEqual([[]])
})

test('watchStaticPods() follows manifests and leaves out hidden and broken ones', async () => {
  const path = (name: string) => join(folder, 'manifests', name)
  await mkdir(path(''))
  await writeFile(path('a.yaml'), manifest('a'))
  await writeFile(path('.b.yaml'), manifest('b'))
  const seen = await look(
    async () => await writeFile(path('c.yaml'), '{ spec: ['),
    async () => await writeFile(path('d.yaml'), manifest('d')),
    async () => await rm(path('a.yaml')),
  )
  expect(seen).toEqual([['a-n1'], ['a-n1'], ['a-n1', 'd-n1'], ['d-n1']])
})

test('watchStaticPods() keeps its pods while the folder cannot be read', async () => {
  const manifests = join(folder, 'manifests')
  await mkdir(manifests)
  await writeFile(join(manifests, 'a.yaml'), manifest('a'))
  const seen = await look(async () => {
    await rename(manifests, `${manifests}.away`)
    await writeFile(manifests, 'no folder')
  })
  expect(seen).toEqual([['a-n1']])
})
