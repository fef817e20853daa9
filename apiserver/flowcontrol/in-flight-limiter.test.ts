import { expect, test } from 'vitest'
import { OverloadedError, type SeatRequest } from '../http/flow-control.ts'
import { parseRequestInfo } from '../http/request-info.ts'
import { createInFlightLimiter } from './in-flight-limiter.ts'
import { WatchCounts } from './watch-counts.ts'

function request(method: string, url: string, more: Partial<SeatRequest> = {}): SeatRequest {
  return {
    user: { name: 'alice', groups: [] },
    info: parseRequestInfo(method, url),
    url,
    arrivedMs: 0,
    timeoutMs: 60_000,
    isLongRunning: false,
    lifetime: new AbortController(),
    ...more,
  }
}

const pods = '/api/v1/namespaces/a/pods'

test('createInFlightLimiter() counts reading and changing requests apart', () => {
  const limiter = createInFlightLimiter({ reading: 2, changing: 1 })
  const write = limiter.start(request('POST', pods))
  expect(() => limiter.start(request('POST', pods))).toThrow(OverloadedError)
  void limiter.start(request('GET', pods))
  void limiter.start(request('GET', pods))
  expect(() => limiter.start(request('GET', pods))).toThrow('Too many requests, please try again later.')
  if (write !== undefined && 'finish' in write) write.finish()
  expect(limiter.start(request('POST', pods))).toBeDefined()
})

test('createInFlightLimiter() always has room for system:masters and for streams', () => {
  const limiter = createInFlightLimiter({ reading: 1, changing: 1 })
  void limiter.start(request('GET', pods))
  const admin = { name: 'admin', groups: ['system:masters'] }
  expect(limiter.start(request('GET', pods, { user: admin }))).toBeUndefined()
  expect(limiter.start(request('GET', `${pods}?watch=1`, { isLongRunning: true }))).toBeUndefined()
})

test('createInFlightLimiter() with 0 has no limit', () => {
  const limiter = createInFlightLimiter({ reading: 0, changing: 1 })
  for (let at = 0; at < 1_000; at++) expect(limiter.start(request('GET', pods))).toBeUndefined()
})

test('WatchCounts counts the watches that see a write: of everything, of its namespace, of its name', () => {
  const counts = new WatchCounts()
  const watch = (url: string): (() => void) => counts.add(parseRequestInfo('GET', url), url)
  watch('/api/v1/pods?watch=1')
  watch('/api/v1/namespaces/a/pods?watch=1')
  watch('/api/v1/namespaces/a/pods?watch=1&fieldSelector=metadata.name%3Dx')
  const last = watch('/api/v1/namespaces/b/pods?watch=1')
  // A node's own pods: only writes to that node are its business.
  watch('/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Dn')
  const seen = (method: string, url: string): number => counts.interestedIn(parseRequestInfo(method, url))
  expect(seen('POST', '/api/v1/namespaces/a/pods')).toBe(2)
  expect(seen('PUT', '/api/v1/namespaces/a/pods/x')).toBe(3)
  expect(seen('PUT', '/api/v1/namespaces/b/pods/x')).toBe(2)
  expect(seen('PUT', '/api/v1/namespaces/a/services/x')).toBe(0)
  last()
  expect(seen('PUT', '/api/v1/namespaces/b/pods/x')).toBe(1)
})
