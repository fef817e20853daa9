/** Makes a Job at each time of a schedule. Pure. */

import type { CronJob, CronJobStatus, Job } from '../../api/batch/v1.ts'
import type { ObjectReference } from '../../api/core/v1.ts'
import type { Draft } from '../../api/facts/table.ts'
import { controllerReference } from '../../apimachinery/owner-reference.ts'
import { formatTime, parseTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'
import { isSame } from '../pod/canonical-json.ts'
import { isTimeZone, nextTime, parseSchedule, type Schedule } from './schedule.ts'

/** More missed times than this point to a wrong clock. */
const maxMissed = 100
/** Time between the time of the schedule and our waking up, so that it has surely passed. */
const slackMs = 100
const maxNameLength = 52

/** Everything the decision depends on. */
export type Observed = { readonly cronJob: CronJob; readonly jobs: readonly Job[]; readonly nowMs: number }

export type Action =
  | {
      readonly type: 'event'
      readonly cronJob: CronJob
      readonly level: 'Normal' | 'Warning'
      readonly reason: string
      readonly message: string
    }
  | { readonly type: 'deleteJob'; readonly cronJob: CronJob; readonly job: Job }
  | { readonly type: 'updateStatus'; readonly cronJob: CronJob; readonly status: CronJobStatus }
  /** Creates the job, and notes it in the status together with its time. */
  | {
      readonly type: 'start'
      readonly cronJob: CronJob
      readonly draft: Draft<'batch.v1.Job'>
      readonly status: CronJobStatus
    }

/** First what became of earlier jobs, then the next one. */
export function plan(observed: Observed): Plan<Action> {
  const { cronJob } = observed
  const ended = planEnded(observed)
  const history = planHistory(observed)
  if (cronJob.metadata.deletionTimestamp !== undefined) return { actions: [...ended.actions, ...history] }
  const next = planNext(observed, ended.status)
  const isStarted = next.actions.some(({ type }) => type === 'start')
  const report: readonly Action[] =
    isSame(next.status, cronJob.status) || isStarted ? [] : [{ type: 'updateStatus', cronJob, status: next.status }]
  const actions = [...ended.actions, ...history, ...report, ...next.actions]
  return next.waitMs === undefined ? { actions } : { actions, requeueAfterMs: next.waitMs }
}

function finishedAs({ status }: Job): 'Complete' | 'Failed' | undefined {
  const found = status.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  )
  return found === undefined ? undefined : found.type === 'Complete' ? 'Complete' : 'Failed'
}

function event(cronJob: CronJob, level: 'Normal' | 'Warning', reason: string, message: string): Action {
  return { type: 'event', cronJob, level, reason, message }
}

/** The list of active jobs loses those that have ended or are gone. */
function planEnded({ cronJob, jobs }: Observed): {
  readonly actions: readonly Action[]
  readonly status: CronJobStatus
} {
  const actions: Action[] = []
  const listed = cronJob.status.active ?? []
  const byUid = new Map(jobs.map((job) => [job.metadata.uid, job]))
  const active = listed.filter(({ uid, name }) => {
    const job = byUid.get(uid ?? '')
    const ending = job === undefined ? undefined : finishedAs(job)
    if (job === undefined) actions.push(event(cronJob, 'Normal', 'MissingJob', `Active job went missing: ${name}`))
    if (ending !== undefined) {
      actions.push(event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${name}, condition: ${ending}`))
    }
    return job !== undefined && ending === undefined
  })
  for (const job of jobs) {
    const isListed = listed.some(({ uid }) => uid === job.metadata.uid)
    if (isListed || finishedAs(job) !== undefined) continue
    const message = `Saw a job that the controller did not create or forgot: ${job.metadata.name}`
    actions.push(event(cronJob, 'Warning', 'UnexpectedJob', message))
  }
  const lastSuccess = jobs
    .flatMap((job) => (finishedAs(job) === 'Complete' ? (job.status.completionTime ?? []) : []))
    .concat(cronJob.status.lastSuccessfulTime ?? [])
    .toSorted()
    .at(-1)
  const { active: _, ...rest } = cronJob.status
  const status = {
    ...rest,
    ...(active.length === 0 ? {} : { active }),
    ...(lastSuccess === undefined ? {} : { lastSuccessfulTime: lastSuccess }),
  }
  return { actions, status }
}

/** Ended jobs beyond the limits, oldest first. */
function planHistory({ cronJob, jobs }: Observed): readonly Action[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cronJob.spec
  const surplus = (ending: 'Complete' | 'Failed', limit: number | undefined): readonly Job[] => {
    const ended = jobs.filter((job) => finishedAs(job) === ending).toSorted(byStart)
    return limit === undefined ? [] : ended.slice(0, Math.max(0, ended.length - limit))
  }
  return [...surplus('Complete', successfulJobsHistoryLimit), ...surplus('Failed', failedJobsHistoryLimit)].map(
    (job) => ({
      type: 'deleteJob',
      cronJob,
      job,
    }),
  )
}

function byStart(a: Job, b: Job): number {
  const [x, y] = [a.status.startTime ?? '', b.status.startTime ?? '']
  return x === y ? (a.metadata.name < b.metadata.name ? -1 : 1) : x < y ? -1 : 1
}

type Next = { readonly actions: readonly Action[]; readonly status: CronJobStatus; readonly waitMs: number | undefined }

function planNext(observed: Observed, status: CronJobStatus): Next {
  const { cronJob, nowMs } = observed
  const { schedule: text, timeZone, suspend } = cronJob.spec
  const none = { actions: [], status, waitMs: undefined }
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    const message = `invalid timeZone: "${timeZone}": unknown time zone ${timeZone}`
    return { ...none, actions: [event(cronJob, 'Warning', 'UnknownTimeZone', message)] }
  }
  if (suspend === true) return none
  const parsed = parseSchedule(text)
  if (parsed === undefined) {
    return { ...none, actions: [event(cronJob, 'Warning', 'UnparseableSchedule', `unparseable schedule: "${text}"`)] }
  }
  const zone = timeZone ?? parsed.zone
  const following = nextTime(parsed.schedule, nowMs, zone)
  const waitMs = following === undefined ? undefined : following - nowMs + slackMs
  const due = lastDue(observed, parsed.schedule, zone)
  const missed: readonly Action[] = due.missed > maxMissed ? [tooManyMissed(cronJob)] : []
  if (due.atMs === undefined) return { ...none, actions: missed, waitMs }
  const started = planStart(observed, status, due.atMs, zone)
  return { ...started, actions: [...missed, ...started.actions], waitMs }
}

function tooManyMissed(cronJob: CronJob): Action {
  const message = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew'
  return event(cronJob, 'Warning', 'TooManyMissedTimes', message)
}

/** The last time that has come since the last job, and how many came before it. */
function lastDue({ cronJob, nowMs }: Observed, schedule: Schedule, zone: string | undefined) {
  const { startingDeadlineSeconds } = cronJob.spec
  const since = parseTime(cronJob.status.lastScheduleTime ?? cronJob.metadata.creationTimestamp)
  const deadlineMs = startingDeadlineSeconds === undefined ? since : nowMs - startingDeadlineSeconds * 1000
  let atMs: number | undefined
  let missed = 0
  for (let next = nextTime(schedule, Math.max(since, deadlineMs), zone); next !== undefined && next <= nowMs; ) {
    atMs = next
    missed += 1
    // A long pause is not walked through minute by minute.
    const from = missed > maxMissed && next < nowMs - 2 * 86_400_000 ? nowMs - 86_400_000 : next
    next = nextTime(schedule, from, zone)
  }
  return { atMs, missed }
}

function planStart(
  { cronJob, jobs, nowMs }: Observed,
  status: CronJobStatus,
  atMs: number,
  zone: string | undefined,
): Next {
  const { concurrencyPolicy, startingDeadlineSeconds } = cronJob.spec
  const none = { actions: [], status, waitMs: undefined }
  if (startingDeadlineSeconds !== undefined && atMs + startingDeadlineSeconds * 1000 < nowMs) {
    const message = `Missed scheduled time to start a job: ${new Date(atMs).toUTCString().replace('GMT', '+0000')}`
    return { ...none, actions: [event(cronJob, 'Warning', 'MissSchedule', message)] }
  }
  const name = jobName(cronJob, atMs)
  const isStarted =
    status.active?.some((active) => active.name === name) === true ||
    jobs.some(({ metadata }) => metadata.name === name)
  if (isStarted) return none
  const active = status.active ?? []
  if (concurrencyPolicy === 'Forbid' && active.length > 0) {
    const message = 'Not starting job because prior execution is running and concurrency policy is Forbid'
    return { ...none, actions: [event(cronJob, 'Normal', 'JobAlreadyActive', message)] }
  }
  const replaced =
    concurrencyPolicy === 'Replace' ? jobs.filter(({ metadata }) => active.some(({ uid }) => uid === metadata.uid)) : []
  const kept: readonly ObjectReference[] = concurrencyPolicy === 'Replace' ? [] : active
  const { active: _, ...rest } = status
  const next = { ...rest, ...(kept.length === 0 ? {} : { active: kept }), lastScheduleTime: formatTime(atMs) }
  return {
    status,
    waitMs: undefined,
    actions: [
      ...replaced.map((job) => ({ type: 'deleteJob' as const, cronJob, job })),
      { type: 'start', cronJob, draft: jobOf(cronJob, atMs, zone), status: next },
    ],
  }
}

/** The time in minutes makes the name: one job for one time. */
function jobName({ metadata }: CronJob, atMs: number): string {
  return `${metadata.name.slice(0, maxNameLength)}-${Math.floor(atMs / 60_000)}`
}

function jobOf(cronJob: CronJob, atMs: number, zone: string | undefined): Draft<'batch.v1.Job'> {
  const { metadata, spec } = cronJob.spec.jobTemplate
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobName(cronJob, atMs),
      namespace: cronJob.metadata.namespace ?? '',
      ...(metadata.labels === undefined ? {} : { labels: metadata.labels }),
      annotations: {
        ...metadata.annotations,
        'batch.kubernetes.io/cronjob-scheduled-timestamp': zonedTime(atMs, zone),
      },
      ownerReferences: [controllerReference(cronJob)],
    },
    spec,
  }
}

/** RFC 3339 with the offset of the zone. */
function zonedTime(atMs: number, zone: string | undefined): string {
  if (zone === undefined || zone === 'UTC') return formatTime(atMs)
  const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(atMs)
  const offset = /[+-]\d+:\d+/.exec(parts.find(({ type }) => type === 'timeZoneName')?.value ?? '')?.[0]
  if (offset === undefined) return formatTime(atMs)
  const sign = offset.startsWith('-') ? -1 : 1
  const [hours = '0', minutes = '0'] = offset.slice(1).split(':')
  const shifted = atMs + sign * (Number(hours) * 60 + Number(minutes)) * 60_000
  return formatTime(shifted).replace('Z', offset)
}
