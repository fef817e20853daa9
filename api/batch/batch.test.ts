import { expect, test } from 'vitest'
import { cells, createCauses, created, headers, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'
import { scheduleError } from './schedule.ts'
import type { Job } from './v1.ts'

const jobs = resourceOf('Job.batch')
const cronJobs = resourceOf('CronJob.batch')

const job = (spec = '', pod = 'restartPolicy: Never') =>
  `{ spec: { template: { spec: { containers: [{ name: c, image: i }]${pod === '' ? '' : `, ${pod}`} } }${spec === '' ? '' : `, ${spec}`} } }`

test('jobs fill in counts, policies and a selector of their own', () => {
  const { spec, status } = created(jobs, job()) as unknown as Job
  expect(spec).toMatchObject({
    parallelism: 1,
    completions: 1,
    backoffLimit: 6,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: 'TerminatingOrFailed',
    selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'uid-1' } },
  })
  expect(spec.template.metadata.labels).toEqual({
    'job-name': 'a',
    'batch.kubernetes.io/job-name': 'a',
    'controller-uid': 'uid-1',
    'batch.kubernetes.io/controller-uid': 'uid-1',
  })
  expect(status).toEqual({})
  expect((created(jobs, job('parallelism: 3')) as unknown as Job).spec.completions).toBeUndefined()
})

const invalid: readonly (readonly [string, typeof jobs, string, readonly string[]])[] = [
  ['nothing in a good Job', jobs, job(), []],
  [
    'pods that never end',
    jobs,
    job('', ''),
    ['spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
  ],
  [
    'a selector of somebody',
    jobs,
    job('selector: { matchLabels: { a: b } }'),
    [
      'spec.selector: Invalid value: {"matchLabels":{"a":"b","batch.kubernetes.io/controller-uid":"uid-1"}}: `selector` not auto-generated',
      'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"uid-1","batch.kubernetes.io/job-name":"a","controller-uid":"uid-1","job-name":"a"}: `selector` does not match template `labels`',
    ],
  ],
  [
    'indexes without an end',
    jobs,
    job('completionMode: Indexed, parallelism: 2'),
    ['spec.completions: Required value: when completion mode is Indexed'],
  ],
  [
    'limits per index without indexes',
    jobs,
    job('backoffLimitPerIndex: 1'),
    ['spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode'],
  ],
  [
    'a policy on failures of pods that restart',
    jobs,
    job(
      'podFailurePolicy: { rules: [{ action: FailJob, onExitCodes: { operator: In, values: [0] } }] }',
      'restartPolicy: OnFailure',
    ),
    [
      'spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator',
      'spec.template.spec.restartPolicy: Invalid value: "OnFailure": only "Never" is supported when podFailurePolicy is specified',
    ],
  ],
  [
    'a schedule of three fields, an unknown policy and a zone of nowhere',
    cronJobs,
    `{ spec: { schedule: "* * *", concurrencyPolicy: Maybe, timeZone: Nowhere/City, jobTemplate: ${job()} } }`,
    [
      'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
      'spec.timeZone: Invalid value: "Nowhere/City": unknown time zone Nowhere/City',
      'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"',
    ],
  ],
  [
    'a name that leaves no room for those of its jobs',
    cronJobs,
    `{ metadata: { name: ${'a'.repeat(53)} }, spec: { schedule: "@daily", jobTemplate: ${job()} } }`,
    [`metadata.name: Invalid value: "${'a'.repeat(53)}": must be no more than 52 characters`],
  ],
]
for (const [name, resource, yaml, want] of invalid) {
  test(`${resource.facts.plural} refuse ${name}`, () => expect(createCauses(resource, yaml)).toEqual(want))
}

test('jobs refuse another number of completions, and take another parallelism', () => {
  const keep =
    'selector: { matchLabels: { batch.kubernetes.io/controller-uid: uid-1 } }, template: { metadata: { labels: { job-name: a, batch.kubernetes.io/job-name: a, controller-uid: uid-1, batch.kubernetes.io/controller-uid: uid-1 } }, spec: { restartPolicy: Never, containers: [{ name: c, image: i }] } }'
  expect(updateCauses(jobs, job('completions: 2'), `{ spec: { ${keep}, completions: 3 } }`)).toEqual([
    'spec.completions: Invalid value: 3: field is immutable',
  ])
  expect(updateCauses(jobs, job('completions: 2'), `{ spec: { ${keep}, completions: 2, parallelism: 2 } }`)).toEqual([])
})

for (const [schedule, want] of [
  ['*/5 * * * *', undefined],
  ['0 0 1 jan mon-fri', undefined],
  ['@hourly', undefined],
  ['@every 1h30m', undefined],
  ['@often', 'unrecognized descriptor: @often'],
  ['61 * * * *', 'end of range (61) above maximum (59): 61'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
] as const) {
  test(`scheduleError() of "${schedule}" is ${want ?? 'nothing'}`, () => expect(scheduleError(schedule)).toBe(want))
}

const status = (text: string) => job().replace(/ }$/, `, status: { ${text} } }`)
test('jobs show the columns of kubectl', () => {
  expect(headers(jobs)).toEqual([
    'Name',
    'Status',
    'Completions',
    'Duration',
    'Age',
    '[Containers]',
    '[Images]',
    '[Selector]',
  ])
  const done =
    'succeeded: 1, startTime: "2026-01-02T03:04:05Z", completionTime: "2026-01-02T03:04:15Z", conditions: [{ type: Complete, status: "True" }]'
  expect(cells(jobs, status(done)).slice(0, 5)).toEqual(['a', 'Complete', '1/1', '10s', '5m'])
  expect(cells(jobs, status('startTime: "2026-01-02T03:08:05Z"')).slice(1, 4)).toEqual(['Running', '0/1', '60s'])
  expect(cells(jobs, job('parallelism: 3')).slice(1, 4)).toEqual(['Running', '0/1 of 3', ''])
})

test('cronJobs show the columns of kubectl', () => {
  const yaml = `{ spec: { schedule: "@daily", timeZone: Etc/UTC, jobTemplate: ${job()} }, status: { lastScheduleTime: "2026-01-02T03:08:05Z" } }`
  expect(headers(cronJobs).slice(0, 7)).toEqual([
    'Name',
    'Schedule',
    'Timezone',
    'Suspend',
    'Active',
    'Last Schedule',
    'Age',
  ])
  expect(cells(cronJobs, yaml)).toEqual(['a', '@daily', 'Etc/UTC', 'False', 0, '60s', '5m', 'c', 'i', '<none>'])
})
