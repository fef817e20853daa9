import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decompressed, maxBodyBytes, readBody } from './body.ts'

const never = new AbortController().signal
const tooLarge = 'Request entity too large: limit is 3145728'

test('readBody() joins the pieces, packed or not', async () => {
  expect((await readBody(Readable.from([Buffer.from('a'), Buffer.from('b')]), never)).toString()).toBe('ab')
  const packed = Readable.from([gzipSync('some text')])
  expect((await readBody(decompressed(packed, 'gzip'), never)).toString()).toBe('some text')
})

test('readBody() takes a body of the largest size, and refuses one byte more', async () => {
  expect(await readBody(Readable.from([Buffer.alloc(maxBodyBytes)]), never)).toHaveLength(maxBodyBytes)
  await expect(readBody(Readable.from([Buffer.alloc(maxBodyBytes + 1)]), never)).rejects.toThrow(tooLarge)
})

test('readBody() stops unpacking at the limit', async () => {
  const body = decompressed(Readable.from([gzipSync(Buffer.alloc(16 * maxBodyBytes))]), 'gzip')
  await expect(readBody(body, never)).rejects.toThrow(tooLarge)
  expect(body.destroyed).toBe(true)
})

test('readBody() refuses what is no gzip, and ends with the request', async () => {
  const broken = decompressed(Readable.from([Buffer.from('plain')]), 'gzip')
  await expect(readBody(broken, never)).rejects.toThrow('error reading the body of the request')
  const stop = new AbortController()
  const waiting = readBody(new Readable({ read() {} }), stop.signal)
  stop.abort(new Error('the client went away'))
  await expect(waiting).rejects.toThrow('the client went away')
})
