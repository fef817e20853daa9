/**
 * Puts a set of files into a directory so that a reader sees all old or all new ones, never a mix:
 *
 *   volume/..2026_11_21_10_00_00.123/key   the files
 *   volume/..data → ..2026_11_21_10_00_00.123   swapped by one rename
 *   volume/key → ..data/key                 what the container opens
 *
 * Source: upstream `pkg/volume/util/atomic_writer.go`.
 */
import { randomInt } from 'node:crypto'
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'

export type PayloadFile = { readonly content: Uint8Array; readonly mode: number; readonly uid?: number }
/** Relative path → file. */
export type Payload = ReadonlyMap<string, PayloadFile>

const dataLink = '..data'
const newDataLink = '..data_tmp'

/** Makes the directory show exactly `payload`. Returns false when it did already. */
export async function writePayload(
  directory: string,
  payload: Payload,
  options: { readonly fsGroup?: number; readonly nowMs: number },
): Promise<boolean> {
  const current = await readlink(join(directory, dataLink)).catch(() => undefined)
  if (current !== undefined && (await isSame(join(directory, current), payload))) {
    // A crash between the rename and the links is repaired here.
    await linkFiles(directory, payload)
    return false
  }
  const fresh = `..${timestamp(options.nowMs)}.${randomInt(1e9)}`
  await writeFiles(join(directory, fresh), payload, options.fsGroup)
  await rm(join(directory, newDataLink), { force: true })
  await symlink(fresh, join(directory, newDataLink))
  await rename(join(directory, newDataLink), join(directory, dataLink))
  await linkFiles(directory, payload)
  await removeStale(directory, payload, fresh)
  return true
}

async function isSame(directory: string, payload: Payload): Promise<boolean> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => undefined)
  if (found === undefined) return false
  const files = found.filter((entry) => entry.isFile())
  if (files.length !== payload.size) return false
  for (const [path, { content, mode }] of payload) {
    const full = join(directory, path)
    const stat = await lstat(full).catch(() => undefined)
    if (stat === undefined || (stat.mode & 0o700) !== (mode & 0o700)) return false
    if (!(await readFile(full)).equals(content)) return false
  }
  return true
}

async function writeFiles(directory: string, payload: Payload, fsGroup: number | undefined): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o755 })
  await chmod(directory, 0o755)
  const folders = new Set<string>()
  for (const [path, { content, mode, uid }] of payload) {
    const full = join(directory, path)
    await mkdir(dirname(full), { recursive: true })
    folders.add(dirname(full))
    await writeFile(full, content)
    if (fsGroup !== undefined || uid !== undefined) await chown(full, uid ?? 0, fsGroup ?? 0)
    // The group of the pod may read what its owner may read.
    await chmod(full, fsGroup === undefined ? mode : mode | ((mode & 0o400) >> 3))
  }
  if (fsGroup === undefined) return
  for (const folder of [directory, ...folders]) {
    await chown(folder, 0, fsGroup)
    await chmod(folder, 0o2755 | 0o070)
  }
}

async function linkFiles(directory: string, payload: Payload): Promise<void> {
  for (const name of topNames(payload)) {
    const target = join(dataLink, name)
    const existing = await readlink(join(directory, name)).catch(() => undefined)
    if (existing !== target) {
      await rm(join(directory, name), { recursive: true, force: true })
      await symlink(target, join(directory, name))
    }
  }
}

async function removeStale(directory: string, payload: Payload, fresh: string): Promise<void> {
  const keep = new Set([...topNames(payload), dataLink, fresh])
  for (const name of await readdir(directory)) {
    if (!keep.has(name)) await rm(join(directory, name), { recursive: true, force: true })
  }
}

function topNames(payload: Payload): ReadonlySet<string> {
  return new Set([...payload.keys()].map((path) => path.split('/')[0] ?? path))
}

function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replace(/[-T:]/g, '_')
}
