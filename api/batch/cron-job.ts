/** CronJob: jobs by the clock. Source: pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation. */
import { invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { workloadWarnings } from '../core/pod-warnings.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, nonNegative, oneOf, when } from '../meta/causes.ts'
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
import { validateJobTemplate } from './job-validation.ts'
import { scheduleError } from './schedule.ts'
import type { CronJob, CronJobSpec } from './v1.ts'

/** Job names take 11 characters more. */
const maxName = 52

export const cronJobs = defineResource<CronJob>({
  facts: factsOf('batch', 'cronjobs'),
  definition: 'batch.v1.CronJob',
  validateName: subdomainName,
  defaults: (cronJob) => ({ ...cronJob, spec: defaultSpec(cronJob.spec) }),
  validate: (cronJob) => [
    ...validateSpec(cronJob.spec),
    ...when(
      cronJob.metadata.name.length > maxName,
      invalidValue('metadata.name', cronJob.metadata.name, `must be no more than ${maxName} characters`),
    ),
  ],
  validateUpdate: ({ spec }) => validateSpec(spec),
  columns: [
    nameColumn,
    text('Schedule', ({ spec }) => spec.schedule),
    text('Timezone', ({ spec }) => spec.timeZone ?? '<none>'),
    text('Suspend', ({ spec }) => (spec.suspend === undefined ? '<unset>' : spec.suspend ? 'True' : 'False')),
    integer('Active', ({ status }) => status.active?.length ?? 0),
    text('Last Schedule', ({ status }, nowMs) =>
      status.lastScheduleTime === undefined ? '<none>' : ago(status.lastScheduleTime, nowMs),
    ),
    ageColumn,
    text('Containers', ({ spec }) => containerNames(spec.jobTemplate.spec.template), true),
    text('Images', ({ spec }) => containerImages(spec.jobTemplate.spec.template), true),
    text('Selector', ({ spec }) => formatSelectorColumn(spec.jobTemplate.spec.selector), true),
  ],
  warnings: ({ spec }, old) =>
    workloadWarnings(spec.jobTemplate.spec.template, old === undefined, 'spec.jobTemplate.spec.template.'),
})

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

function validateSpec(spec: CronJobSpec): Causes {
  const { schedule = '', timeZone, concurrencyPolicy = '', jobTemplate } = spec
  const template = 'spec.jobTemplate.spec'
  return [
    ...(schedule === '' ? [required('spec.schedule')] : validateSchedule(schedule, timeZone)),
    ...(timeZone === undefined ? [] : validateTimeZone(timeZone)),
    ...nonNegative('spec.startingDeadlineSeconds', spec.startingDeadlineSeconds),
    ...(concurrencyPolicy === ''
      ? [required('spec.concurrencyPolicy')]
      : oneOf('spec.concurrencyPolicy', concurrencyPolicy, ['Allow', 'Forbid', 'Replace'])),
    ...when(
      jobTemplate.spec.manualSelector === true,
      notSupported(`${template}.manualSelector`, true, ['nil', 'false']),
    ),
    ...validateJobTemplate(jobTemplate.spec, template),
    ...nonNegative('spec.successfulJobsHistoryLimit', spec.successfulJobsHistoryLimit),
    ...nonNegative('spec.failedJobsHistoryLimit', spec.failedJobsHistoryLimit),
  ]
}

function validateSchedule(schedule: string, timeZone: string | undefined): Causes {
  const error = scheduleError(schedule)
  return [
    ...when(error !== undefined, invalidValue('spec.schedule', schedule, error ?? '')),
    ...when(
      schedule.includes('TZ'),
      invalidValue(
        'spec.schedule',
        schedule,
        timeZone === undefined
          ? 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
          : 'cannot use both timeZone field and TZ or CRON_TZ in schedule',
      ),
    ),
  ]
}

function validateTimeZone(timeZone: string): Causes {
  const field = 'spec.timeZone'
  if (timeZone === '') return [invalidValue(field, timeZone, 'timeZone must be nil or non-empty string')]
  if (timeZone.toLowerCase() === 'local') {
    const words = 'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
    return [invalidValue(field, timeZone, words)]
  }
  return when(!isTimeZone(timeZone), invalidValue(field, timeZone, `unknown time zone ${timeZone}`))
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return !/^[+-]/.test(name)
  } catch {
    return false
  }
}
