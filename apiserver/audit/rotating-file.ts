/**
 * A log file that is put aside when it is full: `audit.log` becomes `audit-2026-01-02T03-04-05.678.log`, then perhaps
 * `….log.gz`; old ones go by number and age. Names as upstream's library (lumberjack) makes them.
 */
import {
  closeSync,
  createReadStream,
  createWriteStream,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Clock } from '../../component-base/clock.ts'

export type RotationOptions = {
  readonly path: string
  /** Megabytes; 0: never. */
  readonly maxSize: number
  /** Days; 0: for ever. */
  readonly maxAge: number
  /** Files; 0: all. */
  readonly maxBackups: number
  readonly compress: boolean
}

const megabyte = 1024 * 1024
const dayMs = 86_400_000

/** Written synchronously: a line that was taken is in the file. */
export class RotatingFile {
  readonly #options: RotationOptions
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  #fd: number
  #bytes: number
  #tidying: Promise<void> = Promise.resolve()

  constructor(options: RotationOptions, clock: Clock, onError: (error: unknown) => void) {
    this.#options = options
    this.#clock = clock
    this.#onError = onError
    mkdirSync(dirname(options.path), { recursive: true, mode: 0o700 })
    this.#fd = openSync(options.path, 'a', 0o600)
    this.#bytes = fstatSync(this.#fd).size
    this.#tidy()
  }

  write(text: string): void {
    const bytes = Buffer.from(text)
    const limit = this.#options.maxSize * megabyte
    if (limit > 0 && this.#bytes > 0 && this.#bytes + bytes.length > limit) this.#rotate()
    let written = 0
    while (written < bytes.length) written += writeSync(this.#fd, bytes, written)
    this.#bytes += bytes.length
  }

  /** Closes the file after old ones have been dealt with. */
  async close(): Promise<void> {
    await this.#tidying
    closeSync(this.#fd)
  }

  #rotate(): void {
    const { path } = this.#options
    closeSync(this.#fd)
    renameSync(path, backupName(path, this.#clock.now()))
    this.#fd = openSync(path, 'a', 0o600)
    this.#bytes = 0
    this.#tidy()
  }

  #tidy(): void {
    this.#tidying = this.#tidying.then(async () => await this.#tidyOnce()).catch(this.#onError)
  }

  async #tidyOnce(): Promise<void> {
    const { path, compress } = this.#options
    const folder = dirname(path)
    const plan = planBackups(await readdir(folder), this.#options, this.#clock.now())
    for (const name of plan.remove) await rm(join(folder, name), { force: true })
    for (const name of compress ? plan.keep.filter((kept) => !kept.endsWith('.gz')) : []) {
      const from = join(folder, name)
      await pipeline(createReadStream(from), createGzip(), createWriteStream(`${from}.gz`, { mode: 0o600 }))
      await rm(from)
    }
  }
}

function backupName(path: string, nowMs: number): string {
  const extension = extname(path)
  const time = new Date(nowMs).toISOString().slice(0, -1).replaceAll(':', '-')
  return join(dirname(path), `${basename(path, extension)}-${time}${extension}`)
}

/** Pure: which of the files in the folder are old logs, newest first, and which of them must go. */
export function planBackups(
  names: readonly string[],
  { path, maxAge, maxBackups }: Pick<RotationOptions, 'path' | 'maxAge' | 'maxBackups'>,
  nowMs: number,
): { readonly keep: readonly string[]; readonly remove: readonly string[] } {
  const extension = extname(path)
  const prefix = `${basename(path, extension)}-`
  const backups = names
    .flatMap((name) => {
      const plain = name.endsWith('.gz') ? name.slice(0, -3) : name
      if (!plain.startsWith(prefix) || !plain.endsWith(extension)) return []
      const atMs = parseTime(plain.slice(prefix.length, plain.length - extension.length))
      return atMs === undefined ? [] : [{ name, atMs }]
    })
    .toSorted((a, b) => b.atMs - a.atMs)
  const isOld = ({ atMs }: { readonly atMs: number }): boolean => maxAge > 0 && atMs < nowMs - maxAge * dayMs
  const keep = backups.slice(0, maxBackups === 0 ? backups.length : maxBackups).filter((backup) => !isOld(backup))
  const kept = new Set(keep)
  return {
    keep: keep.map(({ name }) => name),
    remove: backups.filter((backup) => !kept.has(backup)).map(({ name }) => name),
  }
}

function parseTime(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d\.\d{3})$/.exec(text)
  if (match === null) return undefined
  const ms = Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4]}Z`)
  return Number.isNaN(ms) ? undefined : ms
}
