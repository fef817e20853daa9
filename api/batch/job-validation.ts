/** Rules of jobs. Source: `ValidateJob`, `ValidateJobUpdate`, pkg/registry/batch/job. */
import { isConditionTrue } from '../../apimachinery/conditions.ts'
import { invalidValue, notSupported, required, tooLong } from '../../apimachinery/field-errors.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { matches, selectorFromLabelSelector } from '../../apimachinery/selector/labels.ts'
import { validateSelected } from '../apps/workload.ts'
import { validatePodTemplate } from '../core/pod-spec.ts'
import type { PodTemplateSpec } from '../core/v1.ts'
import { type Causes, immutable, nonNegative, oneOf, sameJson, sortedMap, when } from '../meta/causes.ts'
import { validateDomainPrefixedPath } from '../meta/domain-path.ts'
import { internalForm } from '../meta/internal-form.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { validateFailurePolicy, validateSuccessPolicy } from './job-policies.ts'
import type { Job, JobSpec } from './v1.ts'

const maxIndexedParallelism = 100000
const maxFailedIndexesOfAnyJob = 100000
const manyCompletions = 100000
const maxParallelismOfMany = 10000
const maxFailedIndexesOfMany = 10000
const maxManagedBy = 63
const uidLabels = ['controller-uid', 'batch.kubernetes.io/controller-uid'] as const
const nameLabels = ['job-name', 'batch.kubernetes.io/job-name'] as const

/** What is wrong with a new job. */
export function validateJob(job: Job): Causes {
  return [...validateGenerated(job), ...validateJobSpec(job.spec, 'spec'), ...validateHostname(job)]
}

/** Without `manualSelector`, selector and labels are the API server's own, and nobody may name others. */
function validateGenerated({ spec, metadata }: Job, old?: Job): Causes {
  const { selector, manualSelector, template } = spec
  if (manualSelector === true || selector === undefined) return []
  const prefixed = old === undefined || hasPrefixedLabels(old.spec.template)
  const wanted = [
    [uidLabels[0], metadata.uid],
    [nameLabels[0], metadata.name],
    ...(prefixed
      ? ([
          [uidLabels[1], metadata.uid],
          [nameLabels[1], metadata.name],
        ] as const)
      : []),
  ] as const
  const wrongSelector = validateLabelSelector(selector, '').length > 0
  return [
    ...wanted.flatMap(([label, value]) => validateHasLabel(template, label, value)),
    ...when(!wrongSelector && !matches(selectorFromLabelSelector(selector), Object.fromEntries(wanted)), () =>
      invalidValue('spec.selector', selector, '`selector` not auto-generated'),
    ),
  ]
}

/** Jobs of before 1.27 have only the labels without a prefix. */
function hasPrefixedLabels({ metadata }: PodTemplateSpec): boolean {
  const labels = metadata?.labels ?? {}
  return [uidLabels[1], nameLabels[1]].every((label) => label in labels)
}

function validateHasLabel({ metadata }: PodTemplateSpec, label: string, value: string): Causes {
  const labels = metadata?.labels ?? {}
  const field = `spec.template.metadata.labels[${label}]`
  if (!(label in labels)) return [required(field, `must be '${value}'`)]
  return when(labels[label] !== value, () => invalidValue(field, sortedMap(labels), `must be '${value}'`))
}

/** The longest hostname that a pod of an indexed job will have. */
function validateHostname({ metadata, spec }: Job): Causes {
  const { completionMode, completions = 0 } = spec
  if (completionMode !== 'Indexed' || completions <= 0) return []
  const hostname = `${metadata.name}-${completions - 1}`
  return when(isDns1123Label(hostname).length > 0, () =>
    invalidValue('metadata.name', metadata.name, `will not able to create pod with invalid DNS label: ${hostname}`),
  )
}

function validateJobSpec(spec: JobSpec, field: string): Causes {
  const { selector, template } = spec
  return [
    ...validateJobTemplate(spec, field),
    ...(selector === undefined
      ? [required(`${field}.selector`)]
      : validateLabelSelector(selector, `${field}.selector`)),
    ...validateSelected(selector, template, `${field}.template`),
  ]
}

/** The rules that hold for a cron job's template too. */
export function validateJobTemplate(spec: JobSpec, field: string): Causes {
  const counts = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const
  const { managedBy, maxFailedIndexes, backoffLimitPerIndex } = spec
  return [
    ...counts.flatMap((key) => nonNegative(`${field}.${key}`, spec[key])),
    ...when(
      maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined,
      required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'),
    ),
    ...(managedBy === undefined
      ? []
      : [
          ...validateDomainPrefixedPath(`${field}.managedBy`, managedBy),
          ...when(managedBy.length > maxManagedBy, tooLong(`${field}.managedBy`, maxManagedBy)),
        ]),
    ...validateMode(spec, field),
    ...validateFailurePolicy(spec, `${field}.podFailurePolicy`),
    ...validateSuccessPolicy(spec, `${field}.successPolicy`),
    ...validateReplacement(spec, field),
    ...validatePodTemplate(spec.template, `${field}.template`),
    ...validateRestart(spec, `${field}.template.spec.restartPolicy`),
  ]
}

function validateMode(spec: JobSpec, field: string): Causes {
  switch (spec.completionMode) {
    case 'Indexed':
      return validateIndexed(spec, field)
    case undefined:
    case 'NonIndexed':
      return (['backoffLimitPerIndex', 'maxFailedIndexes'] as const).flatMap((key) =>
        when(spec[key] !== undefined, () =>
          invalidValue(`${field}.${key}`, spec[key], 'requires indexed completion mode'),
        ),
      )
    default:
      return [notSupported(`${field}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed'])]
  }
}

function validateIndexed(spec: JobSpec, field: string): Causes {
  const { completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec
  const failed = `${field}.maxFailedIndexes`
  const atMost = (path: string, value: number | undefined, max: number, words: string) =>
    when(value !== undefined && value > max, () =>
      invalidValue(path, value, `must be less than or equal to ${max}${words}`),
    )
  const whenMany = ` when completions are above ${manyCompletions} and used with backoff limit per index`
  const isMany = completions !== undefined && completions > manyCompletions && backoffLimitPerIndex !== undefined
  return [
    ...when(completions === undefined, required(`${field}.completions`, 'when completion mode is Indexed')),
    ...atMost(`${field}.parallelism`, parallelism, maxIndexedParallelism, ' when completion mode is Indexed'),
    ...when(maxFailedIndexes !== undefined && completions !== undefined && maxFailedIndexes > completions, () =>
      invalidValue(failed, maxFailedIndexes, 'must be less than or equal to completions'),
    ),
    ...atMost(failed, maxFailedIndexes, maxFailedIndexesOfAnyJob, ''),
    ...(isMany
      ? [
          ...when(
            maxFailedIndexes === undefined,
            required(failed, `must be specified when completions is above ${manyCompletions}`),
          ),
          ...atMost(`${field}.parallelism`, parallelism, maxParallelismOfMany, whenMany),
          ...atMost(failed, maxFailedIndexes, maxFailedIndexesOfMany, whenMany),
        ]
      : []),
  ]
}

function validateRestart({ template, podFailurePolicy }: JobSpec, field: string): Causes {
  const { restartPolicy = '' } = template.spec
  if (restartPolicy === 'Always' || restartPolicy === '') {
    return [required(field, 'valid values: "OnFailure", "Never"')]
  }
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never') {
    return [notSupported(field, restartPolicy, ['OnFailure', 'Never'])]
  }
  return when(
    podFailurePolicy !== undefined && restartPolicy !== 'Never',
    invalidValue(field, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified'),
  )
}

function validateReplacement({ podReplacementPolicy, podFailurePolicy }: JobSpec, field: string): Causes {
  if (podReplacementPolicy === undefined) return []
  const supported = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']
  return oneOf(`${field}.podReplacementPolicy`, podReplacementPolicy, supported)
}

/** Template and selector stay; what is suspended and has nothing running may be scheduled anew. */
export function validateJobUpdate(job: Job, old: Job): Causes {
  return [
    ...validateGenerated(job, old),
    ...validateJobSpec(job.spec, 'spec'),
    ...validateHostname(job),
    // Upstream looks at the spec twice, and says so.
    ...validateJobSpec(job.spec, 'spec'),
    ...validateCompletions(job.spec, old.spec),
    ...immutable('spec.selector', job.spec.selector, old.spec.selector),
    ...validateTemplateChange(job, old),
    ...validateFixed(job.spec, old.spec),
  ]
}

function validateFixed(spec: JobSpec, old: JobSpec): Causes {
  const { podFailurePolicy, successPolicy } = spec
  return [
    ...immutable('spec.completionMode', spec.completionMode, old.completionMode),
    ...when(!sameJson(podFailurePolicy, old.podFailurePolicy), () => {
      const shown = internalForm('batch.v1.PodFailurePolicy', podFailurePolicy)
      return invalidValue('spec.podFailurePolicy', shown, 'field is immutable')
    }),
    ...immutable('spec.backoffLimitPerIndex', spec.backoffLimitPerIndex, old.backoffLimitPerIndex),
    ...immutable('spec.managedBy', spec.managedBy, old.managedBy),
    ...when(!sameJson(successPolicy, old.successPolicy), () =>
      invalidValue('spec.successPolicy', internalForm('batch.v1.SuccessPolicy', successPolicy), 'field is immutable'),
    ),
  ]
}

function validateCompletions({ completionMode, completions, parallelism }: JobSpec, old: JobSpec): Causes {
  const field = 'spec.completions'
  if (completionMode !== 'Indexed') return immutable(field, completions, old.completions)
  return when(completions !== undefined && completions !== old.completions && completions !== parallelism, () =>
    invalidValue(field, completions, 'can only be modified in tandem with spec.parallelism'),
  )
}

/** Source: `shouldAllowMutablePodTemplate` (KEP-5440). */
function mayChangeTemplate({ spec, status }: Job): boolean {
  const resting = status.startTime === undefined || isConditionTrue(status.conditions, 'Suspended')
  return spec.suspend === true && resting && (status.active ?? 0) === 0
}

function validateTemplateChange(job: Job, old: Job): Causes {
  const { template } = job.spec
  if (!mayChangeTemplate(old)) {
    return when(!sameJson(template, old.spec.template), () =>
      invalidValue('spec.template', internalForm('core.v1.PodTemplateSpec', template), 'field is immutable'),
    )
  }
  return when(!sameJson(template.spec, withScheduling(template, old.spec.template).spec), () =>
    invalidValue('spec.template.spec', internalForm('core.v1.PodSpec', template.spec), 'field is immutable'),
  )
}

/** The old template with all that may change taken from the new one. */
function withScheduling(template: PodTemplateSpec, old: PodTemplateSpec): PodTemplateSpec {
  const { nodeSelector, tolerations, schedulingGates, affinity, containers, initContainers } = template.spec
  const { affinity: oldAffinity } = old.spec
  const nodeAffinity = affinity?.nodeAffinity
  const { nodeAffinity: _, ...others } = oldAffinity ?? {}
  const kept = { ...others, ...(nodeAffinity === undefined ? {} : { nodeAffinity }) }
  const noAffinity = affinity === undefined && Object.keys(kept).length === 0
  const parts = Object.entries({
    nodeSelector,
    tolerations,
    schedulingGates,
    affinity: noAffinity ? undefined : kept,
    containers: withResources(containers, old.spec.containers),
    initContainers: withResources(initContainers, old.spec.initContainers),
  })
  const { nodeSelector: _a, tolerations: _b, schedulingGates: _c, affinity: _d, ...rest } = old.spec
  const changed = Object.fromEntries(parts.filter(([, value]) => value !== undefined))
  return { ...old, spec: { ...rest, ...changed } }
}

type Containers = PodTemplateSpec['spec']['initContainers']

function withResources(containers: Containers, old: Containers): Containers {
  if (old === undefined || containers?.length !== old.length) return old
  return old.map((one, index) => {
    const next = containers[index]
    return next?.name === one.name ? { ...one, resources: next.resources } : one
  })
}
