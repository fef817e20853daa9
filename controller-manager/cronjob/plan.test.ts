import { expect, test } from 'vitest'
import type { CronJob, CronJobSpec, CronJobStatus, Job } from '../../api/batch/v1.ts'
import { type Action, plan } from './plan.ts'

const nowMs = Date.parse('2026-01-01T01:00:30Z')

function cronJob(spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: {
      name: 'hello',
      namespace: 'default',
      uid: 'c',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:58:30Z',
    },
    spec: {
      schedule: '*/1 * * * *',
      concurrencyPolicy: 'Allow',
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 1,
      jobTemplate: {
        metadata: { labels: { app: 'hello' } },
        spec: { template: { metadata: {}, spec: { containers: [] } } },
      },
      ...spec,
    },
    status,
  }
}

function job(name: string, ended?: 'Complete' | 'Failed', startTime = '2026-01-01T00:59:00Z'): Job {
  const conditions = ended === undefined ? [] : [{ type: ended, status: 'True' }]
  const completionTime = ended === 'Complete' ? { completionTime: '2026-01-01T00:59:30Z' } : {}
  return {
    metadata: { name, uid: `u-${name}` },
    status: { startTime, conditions, ...completionTime },
  } as unknown as Job
}

const active = (name: string) => ({ kind: 'Job', name, uid: `u-${name}` })
const actions = (of: CronJob, jobs: readonly Job[] = []): readonly Action[] =>
  plan({ cronJob: of, jobs, nowMs }).actions
const started = (list: readonly Action[]): readonly (string | undefined)[] =>
  list.flatMap((action) => (action.type === 'start' ? [action.draft.metadata?.name] : []))
const reasons = (list: readonly Action[]): readonly string[] =>
  list.flatMap((action) => (action.type === 'event' ? [action.reason] : []))
const minute = Math.floor(nowMs / 60_000)

test('plan() starts the job of the last time that has come, once, and wakes at the next', () => {
  const result = plan({ cronJob: cronJob(), jobs: [], nowMs })
  expect(result.requeueAfterMs).toBe(30_100)
  expect(result.actions).toMatchObject([
    {
      type: 'start',
      draft: {
        metadata: {
          name: `hello-${minute}`,
          labels: { app: 'hello' },
          annotations: { 'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-01-01T01:00:00Z' },
          ownerReferences: [{ kind: 'CronJob', name: 'hello' }],
        },
      },
      status: { lastScheduleTime: '2026-01-01T01:00:00Z' },
    },
  ])
  expect(started(actions(cronJob({}, { lastScheduleTime: '2026-01-01T01:00:00Z' })))).toEqual([])
})

test('plan() starts nothing before the first time, nor while suspended', () => {
  expect(started(actions(cronJob({ schedule: '0 5 * * *' })))).toEqual([])
  expect(started(actions(cronJob({ suspend: true })))).toEqual([])
})

const before = { lastScheduleTime: '2026-01-01T00:59:00Z', active: [active('old')] }
test.each([
  ['Allow', [`hello-${minute}`], [], []],
  ['Forbid', [], ['JobAlreadyActive'], []],
  ['Replace', [`hello-${minute}`], [], ['old']],
])('plan() with policy %s beside a running job', (concurrencyPolicy, names, events, deleted) => {
  const list = actions(cronJob({ concurrencyPolicy }, before), [job('old')])
  expect(started(list)).toEqual(names)
  expect(reasons(list)).toEqual(events)
  expect(list.flatMap((action) => (action.type === 'deleteJob' ? [action.job.metadata.name] : []))).toEqual(deleted)
})

test('plan() lets a time pass that is past its deadline', () => {
  expect(started(actions(cronJob({ startingDeadlineSeconds: 10 })))).toEqual([])
  expect(started(actions(cronJob({ startingDeadlineSeconds: 40 })))).toEqual([`hello-${minute}`])
})

test('plan() takes ended and missing jobs off the list, and remembers the last success', () => {
  const status = { lastScheduleTime: '2026-01-01T01:00:00Z', active: [active('done'), active('lost'), active('on')] }
  const list = actions(cronJob({}, status), [job('done', 'Complete'), job('on')])
  expect(reasons(list)).toEqual(['SawCompletedJob', 'MissingJob'])
  expect(list.find(({ type }) => type === 'updateStatus')).toMatchObject({
    status: { active: [active('on')], lastSuccessfulTime: '2026-01-01T00:59:30Z' },
  })
})

test('plan() keeps as many ended jobs as the limits say', () => {
  const status = { lastScheduleTime: '2026-01-01T01:00:00Z', lastSuccessfulTime: '2026-01-01T00:59:30Z' }
  const jobs = ['a', 'b', 'c', 'd'].map((name, at) => job(name, 'Complete', `2026-01-01T00:0${at}:00Z`))
  const failed = ['x', 'y'].map((name, at) => job(name, 'Failed', `2026-01-01T00:0${at}:00Z`))
  expect(actions(cronJob({}, status), [...jobs, ...failed])).toMatchObject([
    { type: 'deleteJob', job: { metadata: { name: 'a' } } },
    { type: 'deleteJob', job: { metadata: { name: 'x' } } },
  ])
})

test('plan() warns after a long pause, and starts one job only', () => {
  const list = actions(cronJob({}, { lastScheduleTime: '2025-12-01T00:00:00Z' }))
  expect(reasons(list)).toEqual(['TooManyMissedTimes'])
  expect(started(list)).toEqual([`hello-${minute}`])
})

test('plan() warns of a zone that it does not know', () => {
  expect(reasons(actions(cronJob({ timeZone: 'Mars/Base' })))).toEqual(['UnknownTimeZone'])
})
