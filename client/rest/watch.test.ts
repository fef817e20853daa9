import { expect, test } from 'vitest'
import { StatusError } from '../../apimachinery/status.ts'
import { decodeWatch } from './watch.ts'

async function* chunks(...texts: string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text)
}

test('decodeWatch() joins an event that is cut into pieces, also inside a character', async () => {
  const bytes = Buffer.from('{"type":"ADDED","object":{"name":"é"}}\n{"type":"DELETED","object":{"name":"b"}}\n')
  async function* byteByByte(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1)
  }
  const events = []
  for await (const event of decodeWatch<{ name: string }>(byteByByte()))
    events.push(`${event.type} ${event.object.name}`)
  expect(events).toEqual(['ADDED é', 'DELETED b'])
})

test('decodeWatch() throws an ERROR event as the status it carries', async () => {
  const gone = '{"type":"ERROR","object":{"kind":"Status","reason":"Expired","message":"too old","code":410}}\n'
  const reading = (async () => {
    for await (const _ of decodeWatch(chunks(gone))) throw new Error('an ERROR must not be handed out')
  })()
  await expect(reading).rejects.toThrowError(StatusError)
  await expect(reading).rejects.toMatchObject({ reason: 'Expired', code: 410 })
})
