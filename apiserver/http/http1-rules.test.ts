import { expect, test } from 'vitest'
import { http1Problem, malformedLine, withoutOrigin } from './http1-rules.ts'

const requests: readonly (readonly [string, readonly string[], string | undefined])[] = [
  ['1.1', ['Host', 'a:6443'], undefined],
  ['1.1', ['host', '[::1]:6443'], undefined],
  ['1.1', ['host', ''], undefined],
  ['1.1', [], '400 Bad Request: missing required Host header'],
  ['1.1', ['x-forwarded-host', 'a'], '400 Bad Request: missing required Host header'],
  ['1.0', [], undefined],
  ['1.1', ['Host', 'a', 'HOST', 'b'], '400 Bad Request'],
  ['1.1', ['Host', 'a b'], '400 Bad Request: malformed Host header'],
  ['1.1', ['Host', 'a/b'], '400 Bad Request: malformed Host header'],
  ['2.0', ['Host', 'a'], '505 HTTP Version Not Supported: unsupported protocol version'],
  ['0.9', [], '400 Bad Request'],
]
for (const [httpVersion, rawHeaders, line] of requests) {
  test(`http1Problem() says of HTTP/${httpVersion} with ${JSON.stringify(rawHeaders)}: ${line ?? 'nothing'}`, () => {
    expect(http1Problem({ httpVersion, rawHeaders: [...rawHeaders] })).toBe(line)
  })
}

test('malformedLine() tells versions that nobody speaks from what is no version', () => {
  const line = (first: string): string =>
    malformedLine('HPE_INVALID_VERSION', '', Buffer.from(`${first}\r\nHost: a\r\n\r\n`))
  expect(line('GET / HTTP/9.9')).toBe('505 HTTP Version Not Supported: unsupported protocol version')
  expect(line('GET / HTTP/x')).toBe('400 Bad Request')
  expect(malformedLine('HPE_INVALID_VERSION', '', undefined)).toBe('400 Bad Request')
})

test('malformedLine() says which part of a header is wrong', () => {
  const line = (reason: string): string => malformedLine('HPE_INVALID_HEADER_TOKEN', reason, undefined)
  expect(line('Invalid header token')).toBe('400 Bad Request: invalid header name')
  expect(line('Invalid header value char')).toBe('400 Bad Request: invalid header value')
  expect(malformedLine('HPE_INVALID_METHOD', '', undefined)).toBe('400 Bad Request')
})

test('withoutOrigin() leaves the path', () => {
  expect(withoutOrigin('https://a:1/version?x=1')).toBe('/version?x=1')
  expect(withoutOrigin('http://a')).toBe('/')
  expect(withoutOrigin('/http://a')).toBe('/http://a')
})
