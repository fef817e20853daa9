import { expect, test } from 'vitest'
import { serverAnswer } from './sctp.ts'

const ends = { sourcePort: 40_000, destinationPort: 80 }

test('serverAnswer() keeps in the cookie what it needs for the second answer', () => {
  const first = serverAnswer({ ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } }, 'a1', '10.0.0.1')
  if (first?.chunk.type !== 'INIT ACK') throw new Error('no INIT ACK')
  expect(first).toMatchObject({ sourcePort: 80, destinationPort: 40_000, tag: 7, chunk: { cookie: 'a1 10.0.0.1 7' } })
  const echo = { ...ends, tag: first.chunk.tag, chunk: { type: 'COOKIE ECHO', cookie: first.chunk.cookie } } as const
  expect(serverAnswer(echo, 'a1', '10.0.0.1')).toMatchObject({ tag: 7, chunk: { type: 'COOKIE ACK' } })
  expect(serverAnswer({ ...echo, tag: 1 }, 'a1', '10.0.0.1')).toBeUndefined()
})

test('serverAnswer() aborts at ports that are not served', () => {
  const answer = serverAnswer({ ...ends, tag: 0, chunk: { type: 'INIT', tag: 7 } }, undefined, '10.0.0.1')
  expect(answer).toMatchObject({ tag: 7, chunk: { type: 'ABORT' } })
})
