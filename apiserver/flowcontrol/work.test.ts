import { expect, test } from 'vitest'
import { parseRequestInfo } from '../http/request-info.ts'
import { estimateWork, type WorkFacts, widthOf } from './work.ts'

const megabytes = (size: number, count: number): WorkFacts => ({
  maxSeats: 0,
  watchers: 0,
  stored: { count, bytes: size * 1_000_000 },
})

const pods = '/api/v1/pods'
// Source of the sizes: upstream's test of its estimator.
const lists: readonly (readonly [string, string, WorkFacts, number])[] = [
  ['nothing stored', pods, megabytes(0, 0), 1],
  ['a kind of others', pods, { maxSeats: 0, watchers: 0, stored: undefined }, 1],
  ['a little', pods, megabytes(0.05, 10), 1],
  ['10 MB, streamed from the cache', pods, megabytes(10, 1000), 10],
  ['1 GB, streamed from the cache', pods, megabytes(1000, 1000), 10],
  ['a page of 10 of 1000', `${pods}?limit=10`, megabytes(10, 1000), 1],
  ['one object by name', `${pods}?fieldSelector=metadata.name%3Dx`, megabytes(10, 1000), 1],
  ['a later page of 100, from the store', `${pods}?limit=100&continue=x`, megabytes(10, 1000), 10],
  ['a later selected page, from the store', `${pods}?limit=100&continue=x&labelSelector=a`, megabytes(10, 1000), 50],
  ['an exact revision', `${pods}?resourceVersion=5&resourceVersionMatch=Exact`, megabytes(100, 1000), 100],
  ['more than the level allows', pods, { ...megabytes(10, 1000), maxSeats: 3 }, 3],
  ['a watch with its state', `${pods}?watch=1`, megabytes(10, 1000), 10],
  ['a watch from a revision', `${pods}?watch=1&resourceVersion=7`, megabytes(10, 1000), 1],
  ['a watch with initial events', `${pods}?watch=1&resourceVersion=7&sendInitialEvents=true`, megabytes(10, 1000), 10],
]

for (const [name, url, facts, want] of lists) {
  test(`estimateWork() of ${name} is ${want} ${want === 1 ? 'seat' : 'seats'}`, () => {
    expect(estimateWork(parseRequestInfo('GET', url), url, facts)).toEqual({
      initialSeats: want,
      finalSeats: 0,
      additionalMs: 0,
    })
  })
}

const writes: readonly (readonly [string, string, number, number, number, number])[] = [
  ['few watchers', '/api/v1/namespaces/a/pods', 9, 0, 0, 0],
  ['ten watchers', '/api/v1/namespaces/a/pods', 10, 0, 1, 5],
  ['a hundred and five', '/api/v1/namespaces/a/pods', 105, 0, 10, 5.5],
  ['ten thousand: narrower and longer', '/api/v1/namespaces/a/pods', 10_000, 0, 10, 500],
  ['a narrow level', '/api/v1/namespaces/a/pods', 100, 2, 2, 25],
  ['a token, which nobody watches', '/api/v1/namespaces/a/serviceaccounts/x/token', 100, 0, 0, 0],
]

for (const [name, url, watchers, maxSeats, finalSeats, additionalMs] of writes) {
  test(`estimateWork() of a write to ${name} keeps ${finalSeats} seats for ${additionalMs} ms`, () => {
    const facts = { maxSeats, watchers, stored: undefined }
    const work = estimateWork(parseRequestInfo('POST', url), url, facts)
    expect(work).toEqual({ initialSeats: 1, finalSeats, additionalMs })
    expect(widthOf(work)).toBe(Math.max(1, finalSeats))
  })
}
