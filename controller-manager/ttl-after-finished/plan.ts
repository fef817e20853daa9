/** Removes Jobs some time after they have ended. Pure. */

import type { Job } from '../../api/batch/v1.ts'
import { parseTime } from '../../apimachinery/time.ts'
import type { Plan } from '../../client/controller/controller.ts'

/** Everything the decision depends on. */
export type Observed = { readonly job: Job; readonly nowMs: number }
export type Action = { readonly type: 'delete'; readonly job: Job }

/** The time counts from the condition that ended the Job. */
export function plan({ job, nowMs }: Observed): Plan<Action> {
  const ttl = job.spec.ttlSecondsAfterFinished
  const ended = job.status.conditions?.find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  )
  const endedAt = ended?.lastTransitionTime ?? undefined
  if (ttl === undefined || endedAt === undefined) return { actions: [] }
  if (job.metadata.deletionTimestamp !== undefined) return { actions: [] }
  const left = parseTime(endedAt) + ttl * 1000 - nowMs
  return left > 0 ? { actions: [], requeueAfterMs: left } : { actions: [{ type: 'delete', job }] }
}
