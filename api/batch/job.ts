import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Job } from './v1.ts'

/** Job. */
export const jobs = defineResource<Job>({
  facts: factsOf('batch', 'jobs'),
  definition: 'batch.v1.Job',
})
