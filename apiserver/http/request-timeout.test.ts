import { expect, test } from 'vitest'
import { requestTimeout } from './request-timeout.ts'

test.each([
  ['/api/v1/pods', 60_000],
  ['/api/v1/pods?timeoutSeconds=5', 60_000],
  ['/api/v1/pods?timeout=', 60_000],
  ['/api/v1/pods?timeout=0s', 60_000],
  ['/api/v1/pods?timeout=-5s', 60_000],
  ['/api/v1/pods?limit=1&timeout=1m30s', 60_000],
  ['/api/v1/pods?limit=1&timeout=32s', 32_000],
  ['/api/v1/pods?timeout=250ms', 250],
])('requestTimeout(%s) is %d ms of at most a minute', (url, want) => {
  expect(requestTimeout(url, 60_000)).toBe(want)
})

// Source of the texts: answers of an upstream server.
test.each([
  ['abc', 'time: invalid duration "abc"'],
  ['10', 'time: missing unit in duration "10"'],
  ['1x', 'time: unknown unit "x" in duration "1x"'],
  ['1m2', 'time: missing unit in duration "1m2"'],
])('requestTimeout() refuses %s as Go does', (text, why) => {
  expect(() => requestTimeout(`/api?timeout=${text}`, 60_000)).toThrow(
    `invalid timeout specified in the request URL - ${why}`,
  )
})
