import { expect, test } from 'vitest'
import { createCauses, created, resourceOf, updateCauses } from '../../test/fixtures/api-object.ts'
import type { Job } from './v1.ts'

const jobs = resourceOf('Job.batch')
const cronJobs = resourceOf('CronJob.batch')
const template = 'template: { spec: { restartPolicy: Never, containers: [{ name: c, image: i }] } }'
const job = (spec: string) => `{ metadata: { name: a, uid: u }, spec: { ${template}, ${spec} } }`
const indexed = 'completionMode: Indexed, completions: 3, parallelism: 1'
const exitCodes = (codes: string) => `podFailurePolicy: { rules: [{ action: Count, onExitCodes: { ${codes} } }] }`
const codes = 'spec.podFailurePolicy.rules[0].onExitCodes'

const cases: readonly (readonly [name: string, spec: string, causes: readonly string[]])[] = [
  ['an indexed job', indexed, []],
  [
    'an unknown mode',
    'completionMode: Foo',
    ['spec.completionMode: Unsupported value: "Foo": supported values: "NonIndexed", "Indexed"'],
  ],
  [
    'codes twice and out of order',
    exitCodes('operator: In, values: [2, 1, 1]'),
    [`${codes}.values[2]: Duplicate value: 1`, `${codes}.values: Invalid value: [2,1,1]: must be ordered`],
  ],
  [
    'codes without anything',
    exitCodes(''),
    [
      `${codes}.operator: Required value: valid values: ["In" "NotIn"]`,
      `${codes}.values: Invalid value: null: at least one value is required`,
    ],
  ],
  [
    'success by more than there is',
    `${indexed}, successPolicy: { rules: [{ succeededIndexes: "0,2", succeededCount: 4 }] }`,
    [
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 3 (the number of specified completions)',
      'spec.successPolicy.rules[0].succeededCount: Invalid value: 4: must be less than or equal to 2 (the number of indexes in the specified succeededIndexes field)',
    ],
  ],
  [
    'success of a job without indexes',
    'successPolicy: { rules: [{ succeededCount: 1 }] }',
    [
      'spec.successPolicy: Invalid value: {"Rules":[{"SucceededIndexes":null,"SucceededCount":1}]}: requires indexed completion mode',
    ],
  ],
  [
    'many completions without a limit of failures',
    'completionMode: Indexed, completions: 100001, parallelism: 1, backoffLimitPerIndex: 1',
    ['spec.maxFailedIndexes: Required value: must be specified when completions is above 100000'],
  ],
  ['a manager without domain', 'managedBy: ""', ['spec.managedBy: Required value']],
  [
    'a long manager',
    `managedBy: example.com/${'a'.repeat(63)}`,
    ['spec.managedBy: Too long: may not be more than 63 bytes'],
  ],
  [
    'a selector of its own',
    'selector: { matchLabels: { app: x } }',
    [
      'spec.selector: Invalid value: {"matchLabels":{"app":"x","batch.kubernetes.io/controller-uid":"u"}}: `selector` not auto-generated',
      'spec.template.metadata.labels: Invalid value: {"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"a","controller-uid":"u","job-name":"a"}: `selector` does not match template `labels`',
    ],
  ],
]
for (const [name, spec, want] of cases) {
  test(`jobs on ${name}`, () => expect(createCauses(jobs, job(spec))).toEqual(want))
}

test('jobs whose longest hostname would be no DNS label are refused', () => {
  const yaml = job(indexed).replace('name: a,', `name: ${'a'.repeat(62)},`)
  expect(createCauses(jobs, yaml)).toEqual([
    `metadata.name: Invalid value: "${'a'.repeat(62)}": will not able to create pod with invalid DNS label: ${'a'.repeat(62)}-2`,
  ])
})

test('jobs without labels have those of their pods', () => {
  const { metadata } = created(jobs, job(indexed)) as unknown as Job
  expect(metadata.labels).toMatchObject({ 'job-name': 'a', 'batch.kubernetes.io/controller-uid': 'u' })
})

const suspended = 'suspend: true, manualSelector: true, selector: { matchLabels: { app: x } }'
const labelled = (spec: string, image = 'i') =>
  `{ metadata: { name: a, uid: u }, spec: { template: { metadata: { labels: { app: x } }, spec: { restartPolicy: Never, containers: [{ name: c, image: ${image} }] } }, ${spec} } }`
test('jobs that are suspended may be scheduled anew, but not run something else', () => {
  const old = labelled(suspended)
  const node = old.replace('restartPolicy: Never', 'restartPolicy: Never, nodeSelector: { a: b }')
  expect(updateCauses(jobs, old, node)).toEqual([])
  expect(updateCauses(jobs, old, labelled(suspended, 'other')).map((text) => text.split(':')[0])).toEqual([
    'spec.template.spec',
  ])
  const running = suspended.replace('suspend: true', 'suspend: false')
  const moved = node.replace('suspend: true', 'suspend: false')
  expect(updateCauses(jobs, labelled(running), moved).map((text) => text.split(':')[0])).toEqual(['spec.template'])
})

test('cronJobs refuse a time zone that is none and a selector', () => {
  const yaml = `{ spec: { schedule: "@daily", timeZone: Bad/Zone, jobTemplate: { spec: { ${template}, selector: {} } } } }`
  expect(createCauses(cronJobs, yaml)).toEqual([
    'spec.timeZone: Invalid value: "Bad/Zone": unknown time zone Bad/Zone',
    'spec.jobTemplate.spec.selector: Invalid value: {}: `selector` will be auto-generated',
  ])
})

test('cronJobs suffer a time zone in the schedule only where it was', () => {
  const yaml = (schedule: string) => `{ spec: { schedule: "${schedule}", jobTemplate: { spec: { ${template} } } } }`
  const zoned = yaml('TZ=UTC 0 * * * *')
  expect(updateCauses(cronJobs, zoned, zoned)).toEqual([])
  expect(updateCauses(cronJobs, yaml('@daily'), zoned)).toEqual([
    'spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead',
  ])
})
