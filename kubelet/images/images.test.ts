import { expect, test } from 'vitest'
import { credentialsFor } from './credentials.ts'
import { bytesToFree, type ImageUse, imagesToRemove } from './gc.ts'
import { parseImageName, withDefaultTag } from './image-name.ts'

const digest = `sha256:${'a'.repeat(64)}`
const names = [
  ['busybox', 'docker.io/library/busybox:latest'],
  ['busybox:1.36', 'busybox:1.36'],
  ['team/app', 'docker.io/team/app:latest'],
  ['localhost:5000/app', 'localhost:5000/app:latest'],
  ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
  [`app@${digest}`, `app@${digest}`],
  [`app:v1@${digest}`, `app:v1@${digest}`],
] as const
for (const [text, want] of names) {
  test(`withDefaultTag() asks for ${want} when the pod says ${text}`, () => {
    const name = parseImageName(text)
    if (typeof name === 'string') throw new Error(name)
    expect(withDefaultTag(text, name)).toBe(want)
  })
}

const wrong = ['', 'a:b:c', 'UPPER', '-dash', 'app:', 'a//b', 'app@sha256:12', 'a b']
for (const text of wrong) {
  test(`parseImageName() refuses ${JSON.stringify(text)}`, () => {
    expect(parseImageName(text)).toMatch(/^invalid reference format/)
  })
}

test('credentialsFor() takes what covers the image, the most specific first', () => {
  const auth = (user: string) => ({ auth: Buffer.from(`${user}:pass:word`).toString('base64') })
  const auths = {
    'registry.example': auth('wide'),
    'registry.example/team': auth('team'),
    '*.example': auth('star'),
    'https://index.docker.io/v1/': auth('hub'),
  }
  const secret = {
    apiVersion: 'v1' as const,
    kind: 'Secret' as const,
    metadata: { name: 's', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  }
  const users = (image: string) => {
    const name = parseImageName(image)
    if (typeof name === 'string') throw new Error(name)
    return credentialsFor(name, [secret]).map(({ username, password }) => `${username}/${password}`)
  }
  expect(users('registry.example/team/app')).toEqual(['team/pass:word', 'wide/pass:word', 'star/pass:word'])
  expect(users('registry.example/teammate')).toEqual(['wide/pass:word', 'star/pass:word'])
  expect(users('busybox')).toEqual(['hub/pass:word'])
})

const policy = { highPercent: 85, lowPercent: 80, minimumAgeMs: 1000 }
const disk = (availableBytes: number) => ({ capacityBytes: 1000, availableBytes, inodes: 0, inodesFree: 0 })
test('bytesToFree() acts at the high mark and aims at the low one', () => {
  expect(bytesToFree(disk(200), policy)).toBe(0)
  expect(bytesToFree(disk(150), policy)).toBe(50)
  expect(bytesToFree(disk(20), policy)).toBe(180)
})

test('imagesToRemove() spares what is used, pinned or young, and takes the longest unused first', () => {
  const image = (id: string, more: Partial<ImageUse> = {}): ImageUse => ({
    id,
    sizeBytes: 10,
    isPinned: false,
    firstSeenMs: 0,
    lastUsedMs: 0,
    ...more,
  })
  const all = [
    image('recent', { lastUsedMs: 500 }),
    image('old', { lastUsedMs: 100 }),
    image('used'),
    image('pinned', { isPinned: true }),
    image('young', { firstSeenMs: 1900 }),
  ]
  const removed = (bytes: number) => imagesToRemove(all, new Set(['used']), bytes, 1000, 2000).map(({ id }) => id)
  expect(removed(0)).toEqual([])
  expect(removed(5)).toEqual(['old'])
  expect(removed(15)).toEqual(['old', 'recent'])
})
