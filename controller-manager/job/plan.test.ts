import { expect, test } from 'vitest'
import type { Job, JobSpec, JobStatus } from '../../api/batch/v1.ts'
import type { Pod } from '../../api/core/v1.ts'
import { type Action, plan } from './plan.ts'
import { jobPod, trackingFinalizer } from './pod.ts'

const nowMs = Date.parse('2026-01-01T01:00:00Z')

function job(spec: Partial<JobSpec> = {}, status: JobStatus = { startTime: '2026-01-01T00:50:00Z' }): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: 'pi',
      namespace: 'default',
      uid: 'j',
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:50:00Z',
    },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      selector: { matchLabels: { job: 'pi' } },
      template: {
        metadata: { labels: { job: 'pi' } },
        spec: { restartPolicy: 'Never', containers: [{ name: 'c', resources: {} }] },
      },
      ...spec,
    },
    status,
  }
}

type PodOptions = {
  readonly phase?: string
  readonly index?: number
  readonly counted?: true
  readonly deleting?: true
  readonly exitCode?: number
  readonly finished?: string
  readonly restarts?: number
  readonly failures?: number
}

function pod(name: string, { phase = 'Running', exitCode = 1, ...options }: PodOptions = {}): Pod {
  const ended = phase === 'Failed' || phase === 'Succeeded'
  const finishedAt = options.finished ?? '2026-01-01T00:30:00Z'
  const annotations = {
    ...(options.index === undefined ? {} : { 'batch.kubernetes.io/job-completion-index': String(options.index) }),
    ...(options.failures === undefined
      ? {}
      : { 'batch.kubernetes.io/job-index-failure-count': String(options.failures) }),
  }
  const state = ended ? { terminated: { exitCode: phase === 'Failed' ? exitCode : 0, finishedAt } } : {}
  const status = {
    name: 'c',
    ready: false,
    restartCount: options.restarts ?? 0,
    image: '',
    imageID: '',
    state,
    lastState: {},
  }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:50:00Z',
      annotations,
      ...(options.counted === undefined ? { finalizers: [trackingFinalizer] } : {}),
      ...(options.deleting === undefined ? {} : { deletionTimestamp: '2026-01-01T00:59:00Z' }),
    },
    spec: { containers: [] },
    status: { phase, containerStatuses: [status] },
  }
}

function actions(of: Job, pods: readonly Pod[]): readonly Action[] {
  return plan({ job: of, claim: { owned: pods, adopt: [], release: [] }, nowMs }).actions
}

function statusOf(of: Job, pods: readonly Pod[]): JobStatus | undefined {
  const found = actions(of, pods).find(({ type }) => type === 'updateStatus')
  return found?.type === 'updateStatus' ? found.status : undefined
}

const created = (of: Job, pods: readonly Pod[]): readonly (number | undefined)[] =>
  actions(of, pods).flatMap((action) => (action.type === 'createPods' ? action.wishes.map(({ index }) => index) : []))
const removed = (of: Job, pods: readonly Pod[]): readonly string[] =>
  actions(of, pods).flatMap((action) =>
    action.type === 'deletePods' ? action.pods.map(({ metadata }) => metadata.name) : [],
  )
const reasons = (status: JobStatus | undefined): readonly string[] =>
  (status?.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`)

/** A job that is done when its pods say so: without a number of completions. */
function workQueue(parallelism: number): Job {
  const { completions: _, ...spec } = job({ parallelism }).spec
  return { ...job(), spec }
}

const done = (name: string): Pod => pod(name, { phase: 'Succeeded' })
test.each<readonly [string, Job, readonly Pod[], number]>([
  ['as many as may run at once', job({ parallelism: 3, completions: 10 }), [], 3],
  ['no more than are still to be done', job({ parallelism: 3, completions: 4 }), [done('a'), done('b'), pod('c')], 1],
  ['none while suspended', job({ suspend: true }), [], 0],
  ['all of a work queue before its first success', workQueue(2), [], 2],
  ['none of a work queue after its first success', workQueue(2), [done('a'), pod('b')], 0],
])('plan() creates %s', (_, of, pods, count) => {
  expect(created(of, pods)).toHaveLength(count)
})

test('plan() notes ended pods by uid first, lets them go after, and makes numbers of them at last', () => {
  const pods = [pod('a', { phase: 'Succeeded' }), pod('b', { phase: 'Failed' }), pod('c')]
  const first = actions(job({ completions: 2 }), pods)
  expect(first.map(({ type }) => type)).toEqual(['updateStatus', 'removeFinalizers'])
  const status = statusOf(job({ completions: 2 }), pods)
  expect(status).toMatchObject({ uncountedTerminatedPods: { succeeded: ['uid-a'], failed: ['uid-b'] }, active: 1 })
  expect(status?.succeeded).toBeUndefined()
  const free = [pod('a', { phase: 'Succeeded', counted: true }), pod('b', { phase: 'Failed', counted: true }), pod('c')]
  expect(statusOf(job({ completions: 2 }, status), free)).toMatchObject({
    uncountedTerminatedPods: {},
    succeeded: 1,
    failed: 1,
  })
})

test('plan() counts nothing twice when it is repeated before its writes are seen', () => {
  const pods = [pod('a', { phase: 'Succeeded' }), pod('c')]
  const once = statusOf(job({ completions: 2 }), pods)
  expect(statusOf(job({ completions: 2 }, once), pods)).toBeUndefined()
})

test('plan() says first that the job will be complete, and that it is when every pod is counted', () => {
  const ended = pod('a', { phase: 'Succeeded' })
  const first = statusOf(job(), [ended])
  expect(reasons(first)).toEqual(['SuccessCriteriaMet CompletionsReached'])
  const counted = [pod('a', { phase: 'Succeeded', counted: true })]
  const last = statusOf(job({}, first), counted)
  expect(reasons(last)).toEqual(['SuccessCriteriaMet CompletionsReached', 'Complete CompletionsReached'])
  expect(last).toMatchObject({ succeeded: 1, completionTime: '2026-01-01T01:00:00Z' })
  expect(actions(job({}, first), counted).at(-1)).toMatchObject({
    type: 'event',
    reason: 'Completed',
    message: 'Job completed',
  })
  expect(actions(job({}, last), counted)).toEqual([])
})

test.each([
  [
    'the backoff limit is passed',
    { backoffLimit: 1 },
    ['a', 'b'].map((name) => pod(name, { phase: 'Failed' })),
    'BackoffLimitExceeded',
  ],
  [
    'containers of OnFailure pods start too often',
    { backoffLimit: 2, template: { metadata: {}, spec: { restartPolicy: 'OnFailure', containers: [] } } },
    [pod('a', { restarts: 2 })],
    'BackoffLimitExceeded',
  ],
  ['the deadline has passed', { activeDeadlineSeconds: 600 }, [pod('a')], 'DeadlineExceeded'],
  [
    'a failure policy says so',
    { podFailurePolicy: { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] } },
    [pod('a', { phase: 'Failed', exitCode: 42 })],
    'PodFailurePolicy',
  ],
])('plan() fails the job when %s', (_, spec: Partial<JobSpec>, pods: readonly Pod[], reason) => {
  expect(reasons(statusOf(job(spec), pods))).toEqual([`FailureTarget ${reason}`])
})

test('plan() stops the pods of a failed job, counts them as failed, and declares the end when they are gone', () => {
  const of = job({ parallelism: 2, completions: 2, backoffLimit: 0 })
  const pods = [pod('bad', { phase: 'Failed' }), pod('other')]
  expect(removed(of, pods)).toEqual(['other'])
  const first = statusOf(of, pods)
  expect(first).toMatchObject({ uncountedTerminatedPods: { failed: ['uid-bad', 'uid-other'] }, terminating: 1 })
  const still = [pod('bad', { phase: 'Failed', counted: true }), pod('other', { counted: true, deleting: true })]
  const second = statusOf({ ...of, status: first ?? {} }, still)
  expect(reasons(second)).toEqual(['FailureTarget BackoffLimitExceeded'])
  const last = statusOf({ ...of, status: second ?? {} }, [pod('bad', { phase: 'Failed', counted: true })])
  expect(reasons(last)).toEqual(['FailureTarget BackoffLimitExceeded', 'Failed BackoffLimitExceeded'])
  expect(last).toMatchObject({ failed: 2 })
})

test.each([
  [1, 10_000],
  [2, 20_000],
  [3, 40_000],
])('plan() waits after %i failures in a row for %i ms from the last', (failures, wait) => {
  const pods = Array.from({ length: failures }, (_, at) =>
    pod(`p${at}`, { phase: 'Failed', counted: true, finished: '2026-01-01T01:00:00Z' }),
  )
  const of = job({}, { startTime: '2026-01-01T00:50:00Z', failed: failures })
  const result = plan({ job: of, claim: { owned: pods, adopt: [], release: [] }, nowMs })
  expect(result.requeueAfterMs).toBe(wait)
  expect(result.actions.filter(({ type }) => type === 'createPods')).toEqual([])
})

test('plan() ignores failures that the policy ignores', () => {
  const of = job({
    backoffLimit: 0,
    podFailurePolicy: {
      rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }],
    },
  })
  const evicted = pod('a', { phase: 'Failed' })
  const disrupted = {
    ...evicted,
    status: { ...evicted.status, conditions: [{ type: 'DisruptionTarget', status: 'True' }] },
  }
  expect(reasons(statusOf(of, [disrupted]))).toEqual([])
  expect(reasons(statusOf(of, [evicted]))).toEqual(['FailureTarget BackoffLimitExceeded'])
})

test('plan() gives every index one pod, and removes doubles', () => {
  const of = job(
    { completionMode: 'Indexed', completions: 5, parallelism: 3 },
    { startTime: '2026-01-01T00:50:00Z', completedIndexes: '1', succeeded: 1 },
  )
  expect(created(of, [pod('a', { index: 0 })])).toEqual([2, 3])
  expect(removed(of, [pod('a', { index: 0 }), pod('b', { index: 0 }), pod('c', { index: 2 })])).toHaveLength(1)
})

test('plan() counts indexes, not pods', () => {
  const of = job({ completionMode: 'Indexed', completions: 4, parallelism: 4 })
  const pods = [0, 1, 2].map((index) => pod(`p${index}`, { index, phase: 'Succeeded' }))
  expect(statusOf(of, [...pods, pod('double', { index: 1, phase: 'Succeeded' })])).toMatchObject({
    completedIndexes: '0-2',
    succeeded: 3,
  })
})

test('plan() gives up an index that failed too often, and the job when all others are done', () => {
  const of = job({
    completionMode: 'Indexed',
    completions: 2,
    parallelism: 2,
    backoffLimit: 2 ** 31 - 1,
    backoffLimitPerIndex: 1,
  })
  const once = [pod('a', { index: 0, phase: 'Failed', failures: 0 }), pod('b', { index: 1 })]
  expect(actions(of, once)).toContainEqual(expect.objectContaining({ wishes: [{ index: 0, indexFailures: 1 }] }))
  const twice = [pod('a', { index: 0, phase: 'Failed', failures: 1 }), pod('b', { index: 1, phase: 'Succeeded' })]
  expect(reasons(statusOf(of, twice))).toEqual(['FailureTarget FailedIndexes'])
  expect(statusOf(of, twice)?.failedIndexes).toBe('0')
})

test('plan() ends an indexed job early when its success policy is met', () => {
  const of = job({
    completionMode: 'Indexed',
    completions: 3,
    parallelism: 3,
    successPolicy: { rules: [{ succeededIndexes: '0' }] },
  })
  const pods = [pod('a', { index: 0, phase: 'Succeeded' }), pod('b', { index: 1 }), pod('c', { index: 2 })]
  expect(reasons(statusOf(of, pods))).toEqual(['SuccessCriteriaMet SuccessPolicy'])
  expect(removed(of, pods)).toEqual(['b', 'c'])
})

test('plan() suspends and resumes with a condition, an event, and a new start time', () => {
  const of = job({ suspend: true })
  const status = statusOf(of, [pod('a')])
  expect(removed(of, [pod('a')])).toEqual(['a'])
  expect(reasons(status)).toEqual(['Suspended JobSuspended'])
  const resumed = actions(job({}, status), [])
  expect(resumed.at(-1)).toMatchObject({ type: 'event', reason: 'Resumed', message: 'Job resumed' })
  expect(statusOf(job({}, status), [])?.startTime).toBe('2026-01-01T01:00:00Z')
})

test('plan() leaves a job alone that another controller manages', () => {
  expect(actions(job({ managedBy: 'example.com/other' }), [])).toEqual([])
})

test('jobPod() names the index in label, annotation, host name and environment', () => {
  const draft = jobPod(job({ completionMode: 'Indexed', completions: 2 }), { index: 1, indexFailures: undefined })
  expect(draft).toMatchObject({
    metadata: {
      generateName: 'pi-1-',
      labels: { job: 'pi', 'batch.kubernetes.io/job-completion-index': '1' },
      annotations: { 'batch.kubernetes.io/job-completion-index': '1' },
      finalizers: [trackingFinalizer],
    },
    spec: { hostname: 'pi-1', containers: [{ env: [{ name: 'JOB_COMPLETION_INDEX' }] }] },
  })
})
