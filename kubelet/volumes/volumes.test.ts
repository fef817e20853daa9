import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { container, pod } from '../../test/fixtures/kubelet-pod.ts'
import { type PayloadFile, writePayload } from './atomic-writer.ts'
import { containerMounts } from './container-mounts.ts'
import { prepareHostPath } from './host-path.ts'
import { mountPoints } from './mount-table.ts'
import { configMapFiles, downwardFiles, secretFiles, tokenFile, VolumeError } from './payload.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kubets-volume-'))
})
afterEach(async () => {
  await rm(folder, { recursive: true })
})
const file = (text: string, mode = 0o644): PayloadFile => ({ content: Buffer.from(text), mode })
const meta = { name: 'x', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' }
const text = ([path, { content, mode }]: readonly [string, PayloadFile]) =>
  `${path}=${Buffer.from(content).toString()} ${mode.toString(8)}`

describe('payload', () => {
  const configMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: meta,
    data: { a: '1', b: '2' },
    binaryData: { c: 'Mw==' },
  } as const

  test('configMapFiles() are all keys, or the chosen ones', () => {
    expect(configMapFiles(configMap, {}, 0o644).map(text)).toEqual(['a=1 644', 'b=2 644', 'c=3 644'])
    const items = [{ key: 'b', path: 'x/y', mode: 0o400 }]
    expect(configMapFiles(configMap, { items }, 0o644).map(text)).toEqual(['x/y=2 400'])
  })

  test('configMapFiles() refuses a key that is not there unless it is optional', () => {
    const items = [{ key: 'z', path: 'z' }]
    expect(() => configMapFiles(configMap, { items }, 0o644)).toThrow(
      new VolumeError('references non-existent config key: z'),
    )
    expect(configMapFiles(configMap, { items, optional: true }, 0o644)).toEqual([])
    expect(configMapFiles(undefined, {}, 0o644)).toEqual([])
  })

  test('secretFiles() decodes the values', () => {
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: meta, data: { k: 'czNjcmV0' } } as const
    expect(secretFiles(secret, {}, 0o440).map(text)).toEqual(['k=s3cret 440'])
  })

  test('downwardFiles() shows fields of the pod', () => {
    const one = pod({}, { labels: { b: '2', a: 'say "hi"' } })
    const items = [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }]
    const facts = { podIps: [], hostIps: [], allocatable: {} }
    expect(downwardFiles(one, items, 0o644, facts).map(text)).toEqual(['labels=a="say \\"hi\\""\nb="2" 644'])
  })

  test('tokenFile() is readable by those who need it and nobody else', () => {
    expect(tokenFile(pod(), 't', 0o644)).toMatchObject({ mode: 0o644 })
    expect(tokenFile(pod({ securityContext: { fsGroup: 5 } }), 't', 0o644)).toMatchObject({ mode: 0o600 })
    expect(tokenFile(pod({ securityContext: { runAsUser: 7 } }), 't', 0o644)).toMatchObject({ mode: 0o600, uid: 7 })
  })
})

describe('atomic writer', () => {
  test('writePayload() shows files through links and swaps them all at once', async () => {
    expect(
      await writePayload(
        folder,
        new Map([
          ['a', file('1')],
          ['d/b', file('2')],
        ]),
        { nowMs: 0 },
      ),
    ).toBe(true)
    expect(await readlink(join(folder, 'a'))).toBe('..data/a')
    expect(await readFile(join(folder, 'd/b'), 'utf8')).toBe('2')
    const before = await readlink(join(folder, '..data'))
    expect(
      await writePayload(
        folder,
        new Map([
          ['a', file('1')],
          ['d/b', file('2')],
        ]),
        { nowMs: 0 },
      ),
    ).toBe(false)
    expect(await readlink(join(folder, '..data'))).toBe(before)
    expect(await writePayload(folder, new Map([['a', file('new', 0o400)]]), { nowMs: 0 })).toBe(true)
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('new')
    expect((await stat(join(folder, 'a'))).mode & 0o777).toBe(0o400)
    expect((await readdir(folder)).filter((name) => !name.startsWith('..'))).toEqual(['a'])
    expect((await readdir(folder)).length).toBe(3)
  })

  test('writePayload() goes on where a killed kubelet stopped', async () => {
    await symlink('..gone', join(folder, '..data_tmp'))
    await mkdir(join(folder, '..2020_half'))
    await writePayload(folder, new Map([['a', file('1')]]), { nowMs: 0 })
    expect(await readFile(join(folder, 'a'), 'utf8')).toBe('1')
    expect((await readdir(folder)).length).toBe(3)
  })
})

describe('host paths', () => {
  const refusals = [
    ['Directory', 'a directory'],
    ['File', 'a file'],
    ['Socket', 'a socket file'],
    ['CharDevice', 'a character device'],
    ['BlockDevice', 'a block device'],
  ] as const
  for (const [type, noun] of refusals) {
    test(`prepareHostPath() refuses a missing ${type}`, async () => {
      const path = join(folder, 'none')
      await expect(prepareHostPath(path, type)).rejects.toThrow(`hostPath type check failed: ${path} is not ${noun}`)
    })
  }

  test('prepareHostPath() makes what it may make', async () => {
    await prepareHostPath(join(folder, 'd/e'), 'DirectoryOrCreate')
    await prepareHostPath(join(folder, 'f'), 'FileOrCreate')
    expect((await stat(join(folder, 'd/e'))).isDirectory()).toBe(true)
    expect((await stat(join(folder, 'f'))).isFile()).toBe(true)
    await prepareHostPath(join(folder, 'anything'), '')
    await expect(prepareHostPath(join(folder, 'f'), 'DirectoryOrCreate')).rejects.toThrow('is not a directory')
  })
})

describe('mounts', () => {
  const mounts = async (subPath: string) => {
    const one = container('c', { volumeMounts: [{ name: 'v', mountPath: '/v', subPath }] })
    const volumes = new Map([['v', { hostPath: join(folder, 'v'), readOnly: false }]])
    await mkdir(join(folder, 'v'), { recursive: true })
    return await containerMounts({
      pod: pod({ containers: [one] }),
      container: one,
      volumes,
      env: new Map([['NAME', 'me']]),
      rootDir: folder,
      hostsFile: 'hosts',
    })
  }

  test('containerMounts() lists volumes, the hosts file and the termination log', async () => {
    const made = await mounts('')
    expect(made.map(({ containerPath }) => containerPath)).toEqual(['/v', '/etc/hosts', '/dev/termination-log'])
    expect(await readFile(String(made[1]?.hostPath), 'utf8')).toBe('hosts')
  })

  test('containerMounts() makes a missing subPath', async () => {
    const [made] = await mounts('deep/er')
    expect(made?.hostPath).toBe(join(folder, 'v/deep/er'))
  })

  test('containerMounts() refuses a subPath that leads out of the volume', async () => {
    await mkdir(join(folder, 'v'))
    await writeFile(join(folder, 'secret'), '')
    await symlink('../secret', join(folder, 'v/link'))
    await symlink('..', join(folder, 'v/up'))
    await expect(mounts('link')).rejects.toThrow('is not below')
    await expect(mounts('up/made')).rejects.toThrow('is not below')
    await expect(mounts('../secret')).rejects.toThrow('must not leave the volume')
  })

  test('mountPoints() reads the table of the kernel', () => {
    const table = '24 1 0:22 / /sys rw - sysfs sysfs rw\n25 1 0:5 / /with\\040space rw - tmpfs tmpfs rw\n'
    expect(mountPoints(table)).toEqual(['/sys', '/with space'])
  })
})
