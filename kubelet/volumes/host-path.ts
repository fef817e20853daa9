/** hostPath volumes: the checks and creations that `type` asks for. Source: API field `hostPath.type`. */
import type { Stats } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { VolumeError } from './payload.ts'

type Check = { readonly passes: (stats: Stats) => boolean; readonly noun: string }
const checks: Readonly<Record<string, Check>> = {
  Directory: { passes: (stats) => stats.isDirectory(), noun: 'a directory' },
  DirectoryOrCreate: { passes: (stats) => stats.isDirectory(), noun: 'a directory' },
  File: { passes: (stats) => stats.isFile(), noun: 'a file' },
  FileOrCreate: { passes: (stats) => stats.isFile(), noun: 'a file' },
  Socket: { passes: (stats) => stats.isSocket(), noun: 'a socket file' },
  CharDevice: { passes: (stats) => stats.isCharacterDevice(), noun: 'a character device' },
  BlockDevice: { passes: (stats) => stats.isBlockDevice(), noun: 'a block device' },
}

/** Throws `VolumeError` when the path is not what the pod expects. */
export async function prepareHostPath(path: string, type: string): Promise<void> {
  const check = checks[type]
  if (check === undefined) return
  let stats = await stat(path).catch(() => undefined)
  if (stats === undefined && type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 })
  if (stats === undefined && type === 'FileOrCreate') await writeFile(path, '', { mode: 0o644, flag: 'a' })
  stats ??= await stat(path).catch(() => undefined)
  if (stats === undefined || !check.passes(stats)) {
    throw new VolumeError(`hostPath type check failed: ${path} is not ${check.noun}`)
  }
}
