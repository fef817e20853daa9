import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { maxBodyBytes, readBody } from './body.ts'

const never = new AbortController().signal
const tooLarge = 'Request entity too large: limit is 3145728'

test('readBody() joins the pieces', async () => {
  expect((await readBody(Readable.from([Buffer.from('a'), Buffer.from('b')]), never)).toString()).toBe('ab')
})

test('readBody() takes a body of the largest size, and refuses one byte more', async () => {
  expect(await readBody(Readable.from([Buffer.alloc(maxBodyBytes)]), never)).toHaveLength(maxBodyBytes)
  await expect(readBody(Readable.from([Buffer.alloc(maxBodyBytes + 1)]), never)).rejects.toThrow(tooLarge)
})

test('readBody() tells of a broken body, and ends with the request', async () => {
  const broken = new Readable({ read() {} })
  const reading = readBody(broken, never)
  broken.destroy(new Error('reset'))
  await expect(reading).rejects.toThrow('error reading the body of the request: reset')
  const stop = new AbortController()
  const waiting = readBody(new Readable({ read() {} }), stop.signal)
  stop.abort(new Error('the client went away'))
  await expect(waiting).rejects.toThrow('the client went away')
})
