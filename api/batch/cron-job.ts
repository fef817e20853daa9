import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { CronJob } from './v1.ts'

/** CronJob. */
export const cronJobs = defineResource<CronJob>({
  facts: factsOf('batch', 'cronjobs'),
  definition: 'batch.v1.CronJob',
})
