/** Job: pods that end. Source: pkg/apis/batch/v1/defaults.go, pkg/apis/batch/validation, pkg/registry/batch/job. */
import { isConditionTrue } from '../../apimachinery/conditions.ts'
import { humanDuration, parseTime } from '../../apimachinery/time.ts'
import { nameWarnings } from '../apps/workload.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { workloadWarnings } from '../core/pod-warnings.ts'
import { factsOf } from '../facts/resources.ts'
import { sameJson } from '../meta/causes.ts'
import { ageColumn, containerImages, containerNames, formatSelectorColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateJobStatus } from './job-status-validation.ts'
import { validateJob, validateJobUpdate } from './job-validation.ts'
import type { Job, JobSpec } from './v1.ts'

const maxInt32 = 2147483647

export const jobs = defineResource<Job>({
  facts: factsOf('batch', 'jobs'),
  definition: 'batch.v1.Job',
  metadataRules: { update: 'whole' },
  validateName: subdomainName,
  defaults: (job) => withTemplateLabels({ ...job, spec: defaultSpec(job.spec) }),
  validate: validateJob,
  validateUpdate: validateJobUpdate,
  validateStatusUpdate: validateJobStatus,
  prepareForCreate: (job) =>
    withTemplateLabels({
      ...job,
      metadata: { ...job.metadata, generation: 1 },
      spec: job.spec.manualSelector === true ? job.spec : generateSelector(job),
      status: {},
    }),
  columns: [
    nameColumn,
    text('Status', jobStatus),
    text('Completions', completions),
    text('Duration', duration),
    ageColumn,
    text('Containers', ({ spec }) => containerNames(spec.template), true),
    text('Images', ({ spec }) => containerImages(spec.template), true),
    text('Selector', ({ spec }) => formatSelectorColumn(spec.selector), true),
  ],
  selectableFields: { 'status.successful': ({ status }) => String(status.succeeded ?? 0) },
  defaultDeletionPolicy: 'Orphan',
  warnings: warnAboutJob,
})

/** A job without labels has those of its pods, the generated ones too: upstream fills them in whenever it reads a job. */
function withTemplateLabels(job: Job): Job {
  const { labels } = job.spec.template.metadata ?? {}
  if (labels === undefined || Object.keys(job.metadata.labels ?? {}).length > 0) return job
  return { ...job, metadata: { ...job.metadata, labels } }
}

const manyCompletions = 100000
const manyPodsAtOnce = 10000

/** What is odd in a job's spec. Source: pkg/api/job/warnings.go. */
export function jobSpecWarnings(spec: JobSpec, changed: boolean, field: string): readonly string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec
  const tooMany = completionMode === 'Indexed' && completions > manyCompletions && parallelism > manyPodsAtOnce
  return [
    ...(tooMany
      ? [
          `${field}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
        ]
      : []),
    ...workloadWarnings(template, changed, `${field}.template.`),
  ]
}

function warnAboutJob({ metadata, spec }: Job, old: Job | undefined): readonly string[] {
  if (old !== undefined)
    return sameJson(spec, old.spec) ? [] : jobSpecWarnings(spec, !sameJson(spec.template, old.spec.template), 'spec')
  return [...nameWarnings(metadata.name), ...jobSpecWarnings(spec, true, 'spec')]
}

function defaultSpec(spec: JobSpec): JobSpec {
  const { completions: wanted, parallelism, podFailurePolicy } = spec
  const both = wanted === undefined && parallelism === undefined
  return {
    ...spec,
    template: defaultPodTemplate(spec.template),
    ...(both ? { completions: 1 } : {}),
    parallelism: parallelism ?? 1,
    backoffLimit: spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? 6 : maxInt32),
    completionMode: spec.completionMode ?? 'NonIndexed',
    suspend: spec.suspend ?? false,
    manualSelector: spec.manualSelector ?? false,
    podReplacementPolicy:
      spec.podReplacementPolicy ?? (podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed'),
    ...(podFailurePolicy === undefined
      ? {}
      : {
          podFailurePolicy: {
            rules: (podFailurePolicy.rules ?? []).map((rule) =>
              rule.onPodConditions === undefined
                ? rule
                : {
                    ...rule,
                    onPodConditions: rule.onPodConditions.map((one) => ({ ...one, status: one.status || 'True' })),
                  },
            ),
          },
        }),
  }
}

/** Pods of this very job, by its uid. The name labels are for people. */
function generateSelector({ metadata, spec }: Job): JobSpec {
  const { name, uid } = metadata
  const { template, selector } = spec
  // Labels and selectors that were given are not overwritten, but refused by the validation.
  const labels = {
    'job-name': name,
    'batch.kubernetes.io/job-name': name,
    'controller-uid': uid,
    'batch.kubernetes.io/controller-uid': uid,
    ...template.metadata?.labels,
  }
  const matchLabels = { 'batch.kubernetes.io/controller-uid': uid, ...selector?.matchLabels }
  return {
    ...spec,
    selector: { ...selector, matchLabels },
    template: { ...template, metadata: { ...template.metadata, labels } },
  }
}

/** Conditions that say how a job is, in the order in which they count. */
const words = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']

function jobStatus({ metadata, status }: Job): string {
  const has = (type: string) => isConditionTrue(status.conditions, type)
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (metadata.deletionTimestamp !== undefined) return 'Terminating'
  return words.find(has) ?? 'Running'
}

function completions({ spec, status }: Job): string {
  const succeeded = status.succeeded ?? 0
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`
  const parallelism = spec.parallelism ?? 0
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`
}

function duration({ status }: Job, nowMs: number): string {
  const { startTime, completionTime } = status
  if (startTime === undefined) return ''
  return humanDuration((completionTime === undefined ? nowMs : parseTime(completionTime)) - parseTime(startTime))
}
