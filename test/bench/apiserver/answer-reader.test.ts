import { expect, test } from 'vitest'
import { createAnswerReader } from './answer-reader.ts'

const wire = Buffer.from(
  [
    'HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    'HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n',
  ].join(''),
)
const answers = [
  [201, 5, 'hello'],
  [200, 5, 'abcde'],
  [409, 0, ''],
]

for (const size of [1, 2, 7, 1000]) {
  test(`createAnswerReader() finds every answer when ${size} bytes arrive at a time`, () => {
    const seen: unknown[] = []
    const read = createAnswerReader((...answer) => seen.push(answer), true)
    for (let at = 0; at < wire.length; at += size) read(wire.subarray(at, at + size))
    expect(seen).toEqual(answers)
  })
}
