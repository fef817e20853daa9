import { expect, test } from 'vitest'
import { decoded, resourceOf } from '../../test/fixtures/api-object.ts'
import { validateJobStatus } from './job-status-validation.ts'
import type { Job } from './v1.ts'

const jobs = resourceOf('Job.batch')
const template = 'template: { spec: { restartPolicy: Never, containers: [{ name: c, image: i }] } }'
const job = (status: string, spec = '') =>
  decoded(jobs, `{ spec: { ${template}${spec === '' ? '' : `, ${spec}`} }, status: ${status} }`) as unknown as Job
const yes = (...types: readonly string[]) =>
  `conditions: [${types.map((type) => `{ type: ${type}, status: "True" }`).join(', ')}]`
const start = 'startTime: "2020-01-02T00:00:00Z"'
const end = 'completionTime: "2020-01-03T00:00:00Z"'

const cases: readonly (readonly [
  name: string,
  old: string,
  status: string,
  causes: readonly string[],
  spec?: string,
])[] = [
  ['a good end', `{ ${start} }`, `{ ${start}, ${end}, ${yes('SuccessCriteriaMet', 'Complete')} }`, []],
  ['a good failure', `{ ${start} }`, `{ ${start}, ${yes('FailureTarget', 'Failed')} }`, []],
  [
    'an end without reason or time',
    `{ ${start} }`,
    `{ ${start}, ${yes('Complete')} }`,
    [
      'status.completionTime: Required value: completionTime is required for Complete jobs',
      'status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    ],
  ],
  [
    'a failure without reason',
    `{ ${start} }`,
    `{ ${start}, ${yes('Failed')} }`,
    ['status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition'],
  ],
  [
    'a job that was over and is not',
    `{ ${start}, ${yes('FailureTarget', 'Failed')} }`,
    `{ ${start} }`,
    [
      'status.conditions: Invalid value: cannot disable the terminal Failed=True condition',
      'status.conditions: Invalid value: cannot disable the terminal FailureTarget=True condition',
    ],
  ],
  [
    'pods of a job that is over',
    `{ ${start} }`,
    `{ ${start}, ${end}, active: 1, ready: 2, terminating: 3, ${yes('SuccessCriteriaMet', 'Complete')} }`,
    [
      'status.active: Invalid value: 1: active>0 is invalid for finished job',
      'status.terminating: Invalid value: 3: terminating>0 is invalid for finished job',
      'status.ready: Invalid value: 2: cannot set more ready pods than active',
    ],
  ],
  [
    'another start',
    `{ ${start} }`,
    '{}',
    ['status.startTime: Invalid value: null: field is immutable for unsuspended job once set'],
  ],
  ['no start of a suspended job', `{ ${start} }`, '{}', [], 'suspend: true'],
  [
    'fewer that succeeded',
    '{ succeeded: 2 }',
    '{ succeeded: 1 }',
    ['status.succeeded: Invalid value: 1: cannot decrease the succeeded counter'],
  ],
  [
    'fewer that succeeded of a job that shrinks',
    '{ succeeded: 2 }',
    '{ succeeded: 1 }',
    [],
    'completionMode: Indexed, completions: 1, parallelism: 1',
  ],
  [
    'indexes of a job without',
    '{}',
    '{ completedIndexes: "0", failedIndexes: "0" }',
    [
      'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
      'status.failedIndexes: Invalid value: "0": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
      'status.failedIndexes: Invalid value: "0": failedIndexes and completedIndexes overlap at index: 0',
    ],
  ],
  ['old mistakes that stay', '{ ready: 5, active: 1 }', '{ ready: 5, active: 1, failed: 1 }', []],
]
for (const [name, old, status, want, spec = ''] of cases) {
  test(`validateJobStatus on ${name}`, () => {
    const causes = validateJobStatus(job(status, spec), job(old, spec))
    expect(causes.map(({ field, message }) => `${field}: ${message}`)).toEqual(want)
  })
}
