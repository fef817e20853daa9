import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../component-base/clock.ts'
import { accessOf, fineAccessOf } from './authorization.ts'
import { type LogOptions, parseLogLine, readLog } from './logs.ts'
import { controlFrame, controlTypes, dataFrame, headerBlock, takeFrames } from './spdy-frames.ts'

describe('frames', () => {
  test('takeFrames() reads what dataFrame() and controlFrame() write, cut anywhere', () => {
    const bytes = Buffer.concat([
      dataFrame(3, Buffer.from('hello'), false),
      controlFrame(controlTypes.ping, Buffer.from([0, 0, 0, 1])),
      dataFrame(5, new Uint8Array(), true),
    ])
    for (let cut = 0; cut <= bytes.length; cut++) {
      const first = takeFrames(bytes.subarray(0, cut))
      const second = takeFrames(Buffer.concat([first.rest, bytes.subarray(cut)]))
      expect([...first.frames, ...second.frames]).toEqual([
        { type: 'data', streamId: 3, fin: false, bytes: Buffer.from('hello') },
        { type: 'control', control: 6, flags: 0, payload: Buffer.from([0, 0, 0, 1]) },
        { type: 'data', streamId: 5, fin: true, bytes: Buffer.alloc(0) },
      ])
      expect(second.rest.length).toBe(0)
    }
  })

  test('headerBlock() writes lengths of 32 bits and lower-case names', () => {
    expect(headerBlock({ streamType: 'error' }).toString('latin1')).toBe(
      '\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x05error',
    )
  })
})

describe('access', () => {
  const table = [
    ['GET', '/stats/summary', 'get stats'],
    ['GET', '/metrics', 'get metrics'],
    ['GET', '/metrics/resource', 'get metrics'],
    ['POST', '/exec/default/web/c', 'create proxy'],
    ['GET', '/containerLogs/default/web/c', 'get proxy'],
    ['GET', '/statsfoo', 'get proxy'],
  ] as const
  for (const [method, path, want] of table) {
    test(`accessOf() asks for ${want} on ${method} ${path}`, () => {
      const { verb, subresource } = accessOf(method, path)
      expect(`${verb} ${subresource}`).toBe(want)
    })
  }

  test('fineAccessOf() knows the finer subresources', () => {
    expect(['/healthz', '/healthz/ping', '/pods', '/exec/a/b/c'].map(fineAccessOf)).toEqual([
      'healthz',
      'healthz',
      'pods',
      undefined,
    ])
  })
})

describe('logs', () => {
  let folder: string
  let path: string
  const line = (second: number, text: string, tag = 'F', stream = 'stdout') =>
    `2026-01-01T00:00:0${second}.000000001Z ${stream} ${tag} ${text}\n`
  const plain: LogOptions = {
    follow: false,
    timestamps: false,
    tailLines: undefined,
    sinceMs: undefined,
    limitBytes: undefined,
    stream: undefined,
  }
  const read = async (more: Partial<LogOptions>, isRunning = async () => false): Promise<string> => {
    const chunks: Buffer[] = []
    const signal = AbortSignal.timeout(10_000)
    for await (const chunk of readLog(path, { ...plain, ...more }, isRunning, systemClock, signal)) chunks.push(chunk)
    return Buffer.concat(chunks).toString()
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kubets-log-'))
    path = join(folder, '0.log')
    await writeFile(path, line(1, 'one') + line(2, 'two', 'F', 'stderr') + line(3, 'thr', 'P') + line(3, 'ee'))
  })
  afterEach(async () => {
    await rm(folder, { recursive: true })
  })

  test('parseLogLine() takes a line apart', () => {
    expect(parseLogLine(Buffer.from(line(1, 'a b').trimEnd()))).toEqual({
      time: '2026-01-01T00:00:01.000000001Z',
      stream: 'stdout',
      isPartial: false,
      content: Buffer.from('a b'),
    })
    expect(parseLogLine(Buffer.from('no log'))).toBeUndefined()
  })

  const table: readonly (readonly [string, Partial<LogOptions>, string])[] = [
    ['everything, with parts joined', {}, 'one\ntwo\nthree\n'],
    ['the last lines of the file', { tailLines: 3 }, 'two\nthree\n'],
    ['nothing for a tail of 0', { tailLines: 0 }, ''],
    ['all when the tail is longer', { tailLines: 99 }, 'one\ntwo\nthree\n'],
    ['what is new enough', { sinceMs: Date.parse('2026-01-01T00:00:02Z') }, 'two\nthree\n'],
    ['so many bytes', { limitBytes: 5 }, 'one\nt'],
    ['one stream', { stream: 'stderr' }, 'two\n'],
    ['times before whole lines only', { timestamps: true, tailLines: 2 }, '2026-01-01T00:00:03.000000001Z three\n'],
  ]
  for (const [name, options, want] of table) {
    test(`readLog() sends ${name}`, async () => {
      expect(await read(options)).toBe(want)
    })
  }

  test('readLog() follows a growing log over a rotation until the container ends', async () => {
    let looks = 0
    const isRunning = async () => {
      looks += 1
      if (looks === 1) await appendFile(path, line(4, 'four'))
      if (looks === 2) {
        await rename(path, `${path}.old`)
        await writeFile(path, line(5, 'five'))
      }
      return looks < 4
    }
    expect(await read({ follow: true, tailLines: 0 }, isRunning)).toBe('four\nfive\n')
  })
})
