/** Rotates container logs by size: `0.log` → `0.log.20261121-100000`, older ones compressed, the oldest removed. */
import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Clock } from '../../component-base/clock.ts'
import type { Runtime } from '../runtime/cri.ts'

export type LogRotation = {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly maxBytes: number
  readonly maxFiles: number
}

/** Rotates the logs of all running containers that have grown too long. */
export async function rotateLogs(rotation: LogRotation, signal: AbortSignal): Promise<void> {
  const { runtime, maxBytes } = rotation
  const filter = { state: { state: 'CONTAINER_RUNNING' as const } }
  const { containers } = await runtime.call('ListContainers', { filter }, signal)
  for (const { id } of containers) {
    const { status } = await runtime
      .call('ContainerStatus', { containerId: id }, signal)
      .catch(() => ({ status: null }))
    if (status === null || status.logPath === '') continue
    const size = (await stat(status.logPath).catch(() => undefined))?.size ?? 0
    if (size >= maxBytes) await rotate(rotation, id, status.logPath, signal)
  }
}

async function rotate(rotation: LogRotation, id: string, path: string, signal: AbortSignal): Promise<void> {
  const folder = dirname(path)
  const name = basename(path)
  const old = (await readdir(folder)).filter((file) => file.startsWith(`${name}.`))
  for (const file of logsToRemove(old, rotation.maxFiles)) await rm(join(folder, file), { force: true })
  // The newest rotated one stays as it is: a follower may still read it.
  for (const file of old.filter((one) => !one.endsWith('.gz'))) await compress(join(folder, file))
  const rotated = `${path}.${timestamp(rotation.clock.now())}`
  await rename(path, rotated)
  try {
    await rotation.runtime.call('ReopenContainerLog', { containerId: id }, signal)
  } catch (error) {
    // Without a new file the runtime goes on writing into the old one; it must be found under its name.
    await rename(rotated, path)
    throw error
  }
}

/** The oldest rotated logs beyond what may stay: the live one and the one about to be rotated count too. Pure. */
export function logsToRemove(rotated: readonly string[], maxFiles: number): readonly string[] {
  const kept = Math.max(0, maxFiles - 2)
  const sorted = rotated.filter((file) => !file.endsWith('.tmp')).toSorted()
  return [...rotated.filter((file) => file.endsWith('.tmp')), ...sorted.slice(0, Math.max(0, sorted.length - kept))]
}

async function compress(path: string): Promise<void> {
  const exists = await stat(path).catch(() => undefined)
  if (exists === undefined) return
  await pipeline(createReadStream(path), createGzip(), createWriteStream(`${path}.tmp`))
  await rename(`${path}.tmp`, `${path}.gz`)
  await rm(path)
}

function timestamp(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replace(/[-:]/g, '').replace('T', '-')
}
