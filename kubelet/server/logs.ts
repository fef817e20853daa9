/**
 * Container logs in CRI's format, as `kubectl logs` asks for them:
 *
 *   2026-11-21T10:00:00.123456789Z stdout F text of a whole line
 *   2026-11-21T10:00:00.123456789Z stderr P first part of a long line …
 */
import { type FileHandle, open, stat } from 'node:fs/promises'
import type { Clock } from '../../component-base/clock.ts'

export type LogOptions = {
  readonly follow: boolean
  readonly timestamps: boolean
  readonly tailLines: number | undefined
  /** Unix milliseconds. */
  readonly sinceMs: number | undefined
  readonly limitBytes: number | undefined
  readonly stream: 'stdout' | 'stderr' | undefined
}
export type LogLine = {
  readonly time: string
  readonly stream: string
  readonly isPartial: boolean
  readonly content: Buffer
}

const chunkBytes = 64 * 1024
const pollMs = 100
const newline = 10

/** The parts of one line without its newline; undefined when it is not in CRI's format. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(32)
  const second = line.indexOf(32, first + 1)
  const third = line.indexOf(32, second + 1)
  if (first <= 0 || second === -1 || third === -1) return undefined
  const tags = line.toString('latin1', second + 1, third).split(':')
  return {
    time: line.toString('latin1', 0, first),
    stream: line.toString('latin1', first + 1, second),
    isPartial: tags[0] === 'P',
    content: line.subarray(third + 1),
  }
}

/** The bytes to send, piece by piece. With `follow` until the container has ended and everything was read. */
export async function* readLog(
  path: string,
  options: LogOptions,
  isRunning: () => Promise<boolean>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const render = new Renderer(options)
  for await (const line of readLines(path, options, isRunning, clock, signal)) {
    const bytes = render.line(line)
    if (bytes.length > 0) yield bytes
    if (render.isFull) return
  }
}

class Renderer {
  readonly #options: LogOptions
  #left: number
  #isContinued = false

  constructor(options: LogOptions) {
    this.#options = options
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY
  }

  get isFull(): boolean {
    return this.#left <= 0
  }

  line(raw: Buffer): Buffer {
    const { timestamps, sinceMs, stream } = this.#options
    const line = parseLogLine(raw)
    if (line === undefined || (stream !== undefined && line.stream !== stream)) return Buffer.alloc(0)
    if (sinceMs !== undefined && Date.parse(line.time) < sinceMs) return Buffer.alloc(0)
    const prefix = timestamps && !this.#isContinued ? `${line.time} ` : ''
    this.#isContinued = line.isPartial
    const text = Buffer.concat([Buffer.from(prefix), line.content, Buffer.from(line.isPartial ? '' : '\n')])
    const kept = text.subarray(0, Math.min(text.length, this.#left))
    this.#left -= kept.length
    return kept
  }
}

async function* readLines(
  path: string,
  options: LogOptions,
  isRunning: () => Promise<boolean>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let file = await open(path, 'r')
  try {
    let position = options.tailLines === undefined ? 0 : await tailStart(file, options.tailLines)
    let rest = Buffer.alloc(0)
    const chunk = Buffer.alloc(chunkBytes)
    let mayEnd = !options.follow
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead } = await file.read(chunk, 0, chunkBytes, position)
      if (bytesRead > 0) {
        position += bytesRead
        rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
        for (let end = rest.indexOf(newline); end !== -1; end = rest.indexOf(newline)) {
          yield Buffer.from(rest.subarray(0, end))
          rest = rest.subarray(end + 1)
        }
        continue
      }
      if (mayEnd) return
      const next = await rotated(file, path, position)
      if (next !== undefined) {
        await file.close()
        file = next
        position = 0
        continue
      }
      // One more look after the container has ended: its last lines may come late.
      if (!(await isRunning())) mayEnd = true
      await clock.sleep(pollMs, signal)
    }
  } finally {
    await file.close()
  }
}

/** The new file when the log was rotated or cut under us. */
async function rotated(file: FileHandle, path: string, position: number): Promise<FileHandle | undefined> {
  const [mine, current] = await Promise.all([file.stat(), stat(path).catch(() => undefined)])
  if (current === undefined) return undefined
  return current.ino !== mine.ino || current.size < position ? await open(path, 'r') : undefined
}

/** Where the last `lines` lines begin. */
async function tailStart(file: FileHandle, lines: number): Promise<number> {
  const { size } = await file.stat()
  if (lines <= 0) return size
  const chunk = Buffer.alloc(chunkBytes)
  let found = 0
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - chunkBytes)
    const { bytesRead } = await file.read(chunk, 0, end - start, start)
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (chunk[at] !== newline || start + at === size - 1) continue
      found += 1
      if (found === lines) return start + at + 1
    }
    end = start
  }
  return 0
}
