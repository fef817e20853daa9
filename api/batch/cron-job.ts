/** CronJob: jobs by the clock. Source: pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation. */
import { invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { nameWarnings } from '../apps/workload.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, nonNegative, oneOf, sameJson, when } from '../meta/causes.ts'
import {
  ageColumn,
  ago,
  containerImages,
  containerNames,
  formatSelectorColumn,
  integer,
  nameColumn,
  text,
} from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { jobSpecWarnings } from './job.ts'
import { validateJobTemplate } from './job-validation.ts'
import { scheduleError } from './schedule.ts'
import type { CronJob, CronJobSpec } from './v1.ts'

/** Job names take 11 characters more. */
const maxName = 52

export const cronJobs = defineResource<CronJob>({
  facts: factsOf('batch', 'cronjobs'),
  definition: 'batch.v1.CronJob',
  metadataRules: { status: 'none' },
  validateName: subdomainName,
  defaults: (cronJob) => ({ ...cronJob, spec: defaultSpec(cronJob.spec) }),
  validate: (cronJob) => [
    ...validateSpec(cronJob.spec),
    ...when(
      cronJob.metadata.name.length > maxName,
      invalidValue('metadata.name', cronJob.metadata.name, `must be no more than ${maxName} characters`),
    ),
  ],
  validateUpdate: ({ spec }, old) => validateSpec(spec, old.spec),
  columns: [
    nameColumn,
    text('Schedule', ({ spec }) => spec.schedule),
    text('Timezone', ({ spec }) => spec.timeZone ?? '<none>'),
    {
      name: 'Suspend',
      type: 'boolean',
      cell: ({ spec }) => (spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False'),
    },
    integer('Active', ({ status }) => status.active?.length ?? 0),
    text('Last Schedule', ({ status }, nowMs) =>
      status.lastScheduleTime === undefined ? '<none>' : ago(status.lastScheduleTime, nowMs),
    ),
    ageColumn,
    text('Containers', ({ spec }) => containerNames(spec.jobTemplate.spec.template), true),
    text('Images', ({ spec }) => containerImages(spec.jobTemplate.spec.template), true),
    text('Selector', ({ spec }) => formatSelectorColumn(spec.jobTemplate.spec.selector), true),
  ],
  warnings: warnAboutCronJob,
})

const templateSpec = 'spec.jobTemplate.spec'

function warnAboutCronJob({ metadata, spec }: CronJob, old: CronJob | undefined): readonly string[] {
  const { spec: job } = spec.jobTemplate
  const before = old?.spec.jobTemplate.spec
  return [
    ...(old === undefined ? nameWarnings(metadata.name) : []),
    ...(old !== undefined && sameJson(spec, old.spec)
      ? []
      : jobSpecWarnings(job, !sameJson(job.template, before?.template), templateSpec)),
    // Upstream's path has the `spec` twice.
    ...(old !== undefined && spec.schedule.includes('TZ')
      ? [
          'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
        ]
      : []),
  ]
}

function defaultSpec(spec: CronJobSpec): CronJobSpec {
  const { jobTemplate } = spec
  return {
    ...spec,
    concurrencyPolicy: spec.concurrencyPolicy || 'Allow',
    suspend: spec.suspend ?? false,
    successfulJobsHistoryLimit: spec.successfulJobsHistoryLimit ?? 3,
    failedJobsHistoryLimit: spec.failedJobsHistoryLimit ?? 1,
    jobTemplate: {
      ...jobTemplate,
      spec: { ...jobTemplate.spec, template: defaultPodTemplate(jobTemplate.spec.template) },
    },
  }
}

function validateSpec(spec: CronJobSpec, old?: CronJobSpec): Causes {
  const { schedule = '', timeZone, concurrencyPolicy = '', jobTemplate } = spec
  const policies = ['Allow', 'Forbid', 'Replace']
  return [
    ...(schedule === '' ? [required('spec.schedule')] : validateSchedule(schedule, timeZone, old)),
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...(timeZone === undefined || (old !== undefined && old.timeZone === timeZone) ? [] : validateTimeZone(timeZone)),
    ...(concurrencyPolicy === ''
      ? [required('spec.concurrencyPolicy')]
      : oneOf('spec.concurrencyPolicy', concurrencyPolicy, policies)),
    ...validateJobTemplate(jobTemplate.spec, templateSpec),
    ...when(jobTemplate.spec.selector !== undefined, () =>
      invalidValue(`${templateSpec}.selector`, jobTemplate.spec.selector, '`selector` will be auto-generated'),
    ),
    ...when(
      jobTemplate.spec.manualSelector === true,
      notSupported(`${templateSpec}.manualSelector`, true, ['nil', 'false']),
    ),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  ]
}

/** A time zone inside the schedule is only suffered where it was before. */
function validateSchedule(schedule: string, timeZone: string | undefined, old: CronJobSpec | undefined): Causes {
  const error = scheduleError(schedule)
  const suffered = old?.schedule.includes('TZ') === true
  const words = suffered
    ? 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
    : 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
  return [
    ...when(error !== undefined, invalidValue('spec.schedule', schedule, error ?? '')),
    ...when(
      schedule.includes('TZ') && (!suffered || timeZone !== undefined),
      invalidValue('spec.schedule', schedule, words),
    ),
  ]
}

const zonePart = /^(?!-)[A-Za-z.\-_0-9+]{1,14}$/

/** Source: `validateTimeZone`; what is a name of a part is said at https://data.iana.org/time-zones/theory.html#naming. */
function validateTimeZone(timeZone: string): Causes {
  const field = 'spec.timeZone'
  if (timeZone === '') return [invalidValue(field, timeZone, 'timeZone must be nil or non-empty string')]
  const unknown = invalidValue(field, timeZone, `unknown time zone ${timeZone}`)
  if (timeZone.split('/').some((part) => part === '.' || part === '..' || !zonePart.test(part))) return [unknown]
  const isLocal = timeZone.toLowerCase() === 'local'
  const words = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
  return [
    ...when(isLocal, invalidValue(field, timeZone, words)),
    // Go knows `Local`, spelled like this, as a zone of its own.
    ...when(timeZone !== 'Local' && !isTimeZone(timeZone), unknown),
  ]
}

/** Zones are files upstream, whose names have upper and lower case; aliases come back under another name altogether. */
function isTimeZone(name: string): boolean {
  try {
    const { timeZone } = new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions()
    return !/^[+-]/.test(name) && (timeZone === name || timeZone.toLowerCase() !== name.toLowerCase())
  } catch {
    return false
  }
}
