import { expect, test } from 'vitest'
import { type ContentReport, contentConditions, isContentGone } from './conditions.ts'

const gone: ContentReport = { discoveryErrors: [], deletionErrors: [], remaining: new Map(), finalizers: new Map() }
const nowMs = Date.parse('2026-01-01T00:00:00Z')
const find = (report: ContentReport, type: string) =>
  contentConditions([], report, nowMs).find((condition) => condition.type === type)

test("contentConditions() says in upstream's words what is left", () => {
  const report = {
    ...gone,
    remaining: new Map([
      ['pods.', 2],
      ['jobs.batch', 1],
    ]),
    finalizers: new Map([['example.com/hold', 1]]),
  }
  expect(isContentGone(report)).toBe(false)
  expect(find(report, 'NamespaceContentRemaining')).toMatchObject({
    status: 'True',
    reason: 'SomeResourcesRemain',
    message: 'Some resources are remaining: jobs.batch has 1 resource instances, pods. has 2 resource instances',
  })
  expect(find(report, 'NamespaceFinalizersRemaining')).toMatchObject({
    status: 'True',
    reason: 'SomeFinalizersRemain',
    message: 'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  })
})

test('contentConditions() of an empty namespace are all False, and keep their times', () => {
  expect(isContentGone(gone)).toBe(true)
  const first = contentConditions([], gone, nowMs)
  expect(first.map(({ status }) => status)).toEqual(['False', 'False', 'False', 'False', 'False'])
  expect(contentConditions(first, gone, nowMs + 60_000)).toEqual(first)
})

test('contentConditions() keeps the conditions of others', () => {
  const own = { type: 'Mine', status: 'True' }
  expect(contentConditions([own], gone, nowMs)[0]).toEqual(own)
})
