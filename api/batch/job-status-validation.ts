/**
 * What a controller may report of a job; controllers of other people report too (`managedBy`). What is not touched is not
 * judged, so that old mistakes do not stand in the way. Source: `ValidateJobStatusUpdate`, `getStatusValidationOptions`.
 */
import { isConditionTrue } from '../../apimachinery/conditions.ts'
import { duplicate, invalidValue, invalidWithoutValue, required } from '../../apimachinery/field-errors.ts'
import { parseTime } from '../../apimachinery/time.ts'
import { validateCounts } from '../apps/workload.ts'
import { asInternal, type Causes, each, sameJson, when } from '../meta/causes.ts'
import { countIndexes, firstCommonIndex } from './indexes.ts'
import type { Job, JobStatus } from './v1.ts'

/** A job's status beside the one before. */
type Change = {
  readonly job: Job
  readonly status: JobStatus
  readonly before: JobStatus
  /** Whether one of these fields of the status changed. */
  readonly changed: (...keys: readonly (keyof JobStatus)[]) => boolean
  /** Whether one of these conditions changed. */
  readonly turned: (...types: readonly string[]) => boolean
  readonly is: (type: string) => boolean
}

const conditionsField = 'status.conditions'

/** What is wrong with a report. */
export function validateJobStatus(job: Job, old: Job): Causes {
  const { status } = job
  const before = old.status
  const is = (type: string) => isConditionTrue(status.conditions, type)
  const change: Change = {
    job,
    status,
    before,
    is,
    changed: (...keys) => keys.some((key) => !sameJson(status[key], before[key])),
    turned: (...types) => types.some((type) => is(type) !== isConditionTrue(before.conditions, type)),
  }
  return [
    ...validateCounts(status, ['active', 'succeeded', 'failed', 'ready', 'terminating']),
    ...validateUncounted(status),
    ...validateEnd(change),
    ...validateFinished(change),
    ...validateIndexes(change),
    ...validateLeftovers(change),
    ...validateTransition(change),
  ]
}

function validateUncounted({ uncountedTerminatedPods: uncounted }: JobStatus): Causes {
  const seen = new Set<string>()
  const unseen = (uid: string, path: string): Causes => {
    if (uid === '') return [invalidValue(path, uid, 'must not be empty')]
    if (seen.has(uid)) return [duplicate(path, uid)]
    seen.add(uid)
    return []
  }
  const field = 'status.uncountedTerminatedPods'
  return [
    ...each(`${field}.succeeded`, uncounted?.succeeded, unseen),
    ...each(`${field}.failed`, uncounted?.failed, unseen),
  ]
}

/** How a job may end, and when. */
function validateEnd({ status, is, changed, turned }: Change): Causes {
  const { startTime, completionTime } = status
  const field = 'status.completionTime'
  const completes = turned('Complete') || changed('completionTime')
  const both = (type: string, words: string) =>
    when(is('Complete') && is(type) && turned('Complete', type), invalidWithoutValue(conditionsField, words))
  return [
    ...both('Failed', 'cannot set Complete=True and Failed=true conditions'),
    ...both('FailureTarget', 'cannot set Complete=True and FailureTarget=true conditions'),
    ...when(completes && completionTime !== undefined && !is('Complete'), () =>
      invalidValue(field, completionTime, 'cannot set completionTime when there is no Complete=True condition'),
    ),
    ...when(
      completes && completionTime === undefined && is('Complete'),
      required(field, 'completionTime is required for Complete jobs'),
    ),
    ...when(changed('startTime', 'completionTime') && isEarlier(completionTime, startTime), () =>
      invalidValue(field, completionTime, 'must be equal to or after `startTime`'),
    ),
    ...when(
      (turned('Failed') || changed('failedIndexes')) && is('Failed') && !is('FailureTarget'),
      invalidWithoutValue(conditionsField, 'cannot set Failed=True condition without the FailureTarget=true condition'),
    ),
    ...when(
      turned('Complete', 'SuccessCriteriaMet') && is('Complete') && !is('SuccessCriteriaMet'),
      invalidWithoutValue(
        conditionsField,
        'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
      ),
    ),
  ]
}

function isEarlier(time: string | undefined, than: string | undefined): boolean {
  return time !== undefined && than !== undefined && parseTime(time) < parseTime(than)
}

/** Nothing runs any more when a job is over. */
function validateFinished({ job, status, before, is, changed }: Change): Causes {
  const finished = is('Complete') || is('Failed')
  if (!finished) return []
  const wasFinished = isConditionTrue(before.conditions, 'Complete') || isConditionTrue(before.conditions, 'Failed')
  const { active = 0, startTime, uncountedTerminatedPods: uncounted } = status
  const suspendedWithNothingToDo = job.spec.suspend === true && job.spec.completions === 0
  return [
    ...when(
      (!wasFinished || changed('active')) && active > 0,
      invalidValue('status.active', active, 'active>0 is invalid for finished job'),
    ),
    ...when(
      (!wasFinished || changed('startTime')) && startTime === undefined && !suspendedWithNothingToDo,
      required('status.startTime', 'startTime is required for finished job'),
    ),
    ...when(
      (!wasFinished || changed('uncountedTerminatedPods')) &&
        (uncounted?.failed ?? []).length + (uncounted?.succeeded ?? []).length > 0,
      () =>
        invalidValue(
          'status.uncountedTerminatedPods',
          asInternal(uncounted ?? {}, [
            ['Succeeded', 'succeeded'],
            ['Failed', 'failed'],
          ]),
          'must be empty for finished job',
        ),
    ),
  ]
}

function validateIndexes({ job, status, changed }: Change): Causes {
  const { completions, completionMode, backoffLimitPerIndex } = job.spec
  const { completedIndexes = '', failedIndexes } = status
  const failedField = 'status.failedIndexes'
  const wrong = (text: string | undefined) =>
    text === undefined || completions === undefined ? undefined : countIndexes(text, completions)
  const completedError = wrong(completedIndexes)
  const failedError = backoffLimitPerIndex === undefined ? undefined : wrong(failedIndexes)
  const common =
    completions === undefined ? undefined : firstCommonIndex(completedIndexes, failedIndexes ?? '', completions)
  return [
    ...when(changed('completedIndexes') && typeof completedError === 'string', () =>
      invalidValue('status.completedIndexes', completedIndexes, `error parsing completedIndexes: ${completedError}`),
    ),
    ...when(changed('failedIndexes') && typeof failedError === 'string', () =>
      invalidValue(failedField, failedIndexes, `error parsing failedIndexes: ${failedError}`),
    ),
    ...when(changed('completedIndexes') && completedIndexes !== '' && completionMode !== 'Indexed', () =>
      invalidValue(
        'status.completedIndexes',
        completedIndexes,
        'cannot set non-empty completedIndexes when non-indexed completion mode',
      ),
    ),
    ...when(changed('failedIndexes') && failedIndexes !== undefined && backoffLimitPerIndex === undefined, () =>
      invalidValue(failedField, failedIndexes, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'),
    ),
    ...when(changed('failedIndexes', 'completedIndexes') && common !== undefined, () =>
      invalidValue(failedField, failedIndexes, `failedIndexes and completedIndexes overlap at index: ${common}`),
    ),
  ]
}

function validateLeftovers({ job, status, before, is, changed }: Change): Causes {
  const { terminating, ready, active = 0 } = status
  const finished = is('Complete') || is('Failed')
  const wasFinished = isConditionTrue(before.conditions, 'Complete') || isConditionTrue(before.conditions, 'Failed')
  const never = (condition: boolean, words: string) => when(condition, invalidWithoutValue(conditionsField, words))
  return [
    ...when((finished !== wasFinished || changed('terminating')) && finished && (terminating ?? 0) > 0, () =>
      invalidValue('status.terminating', terminating, 'terminating>0 is invalid for finished job'),
    ),
    ...when(changed('ready', 'active') && ready !== undefined && ready > active, () =>
      invalidValue('status.ready', ready, 'cannot set more ready pods than active'),
    ),
    ...never(is('SuccessCriteriaMet') && is('Failed'), 'cannot set SuccessCriteriaMet=True and Failed=true conditions'),
    ...never(
      is('SuccessCriteriaMet') && is('FailureTarget'),
      'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions',
    ),
    ...never(
      job.spec.successPolicy !== undefined && !is('SuccessCriteriaMet') && is('Complete'),
      'cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True',
    ),
  ]
}

/** What only goes one way. */
function validateTransition({ job, status, before, is, changed }: Change): Causes {
  const { completionMode, completions, parallelism, suspend } = job.spec
  const was = (type: string) => isConditionTrue(before.conditions, type)
  const mayShrink = completionMode === 'Indexed' && completions === parallelism
  const resuming =
    was('Suspended') && (status.conditions ?? []).some((one) => one.type === 'Suspended' && one.status === 'False')
  const decreased = (key: 'failed' | 'succeeded') =>
    when((status[key] ?? 0) < (before[key] ?? 0), () =>
      invalidValue(`status.${key}`, status[key] ?? 0, `cannot decrease the ${key} counter`),
    )
  return [
    ...['Failed', 'Complete', 'FailureTarget'].flatMap((type) =>
      when(
        was(type) && !is(type),
        invalidWithoutValue(conditionsField, `cannot disable the terminal ${type}=True condition`),
      ),
    ),
    ...decreased('failed'),
    ...(mayShrink ? [] : decreased('succeeded')),
    ...when(
      status.completionTime !== undefined && before.completionTime !== undefined && changed('completionTime'),
      () => invalidValue('status.completionTime', status.completionTime, 'field is immutable'),
    ),
    ...when(changed('startTime') && before.startTime !== undefined && suspend !== true && !resuming, () =>
      invalidValue('status.startTime', status.startTime ?? null, 'field is immutable for unsuspended job once set'),
    ),
    ...when(
      was('SuccessCriteriaMet') && !is('SuccessCriteriaMet'),
      invalidWithoutValue(conditionsField, 'cannot disable the SuccessCriteriaMet=True condition'),
    ),
    ...when(
      was('Complete') && !was('SuccessCriteriaMet') && is('SuccessCriteriaMet'),
      invalidWithoutValue(
        conditionsField,
        'cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions',
      ),
    ),
  ]
}
