/** Rules of jobs. Source: `ValidateJob`, `ValidateJobUpdate`. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isDomainPrefixedPath, isQualifiedName } from '../../apimachinery/names.ts'
import { validateCounts } from '../apps/workload.ts'
import { validatePodTemplate } from '../core/pod-spec.ts'
import {
  atMost,
  type Causes,
  each,
  immutable,
  invalidValues,
  nonNegative,
  oneOf,
  sameJson,
  sortedMap,
  when,
} from '../meta/causes.ts'
import { selects, validateLabelSelector } from '../meta/selectors.ts'
import type { Job, JobSpec, PodFailurePolicyRule } from './v1.ts'

const maxIndexedParallelism = 100000
const maxRules = 20
const uidLabels = ['controller-uid', 'batch.kubernetes.io/controller-uid']

/** What is wrong with a new job. */
export function validateJob(job: Job): Causes {
  return [...validateGenerated(job), ...validateJobSpec(job.spec, 'spec')]
}

/** Without `manualSelector`, the selector is the API server's own. */
function validateGenerated({ spec, metadata }: Job): Causes {
  const { selector, manualSelector } = spec
  if (manualSelector === true || selector === undefined) return []
  const labels = selector.matchLabels ?? {}
  const own = Object.entries(labels).every(([key, value]) => uidLabels.includes(key) && value === metadata.uid)
  return when(
    !own || (selector.matchExpressions ?? []).length > 0,
    invalidValue('spec.selector', selector, '`selector` not auto-generated'),
  )
}

function validateJobSpec(spec: JobSpec, field: string): Causes {
  const labels = spec.template.metadata?.labels ?? {}
  return [
    ...(spec.selector === undefined
      ? [required(`${field}.selector`)]
      : validateLabelSelector(spec.selector, `${field}.selector`)),
    ...when(
      spec.selector !== undefined && !selects(spec.selector, labels),
      invalidValue(
        `${field}.template.metadata.labels`,
        sortedMap(labels),
        '`selector` does not match template `labels`',
      ),
    ),
    ...validateJobTemplate(spec, field),
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
  return [
    ...counts.flatMap((key) => nonNegative(`${field}.${key}`, spec[key])),
    ...(spec.managedBy === undefined
      ? []
      : invalidValues(`${field}.managedBy`, spec.managedBy, isDomainPrefixedPath(spec.managedBy))),
    ...validateMode(spec, field),
    ...validateFailurePolicy(spec, `${field}.podFailurePolicy`),
    ...validateSuccessPolicy(spec, `${field}.successPolicy`),
    ...validateReplacement(spec, field),
    ...validatePodTemplate(spec.template, `${field}.template`),
    ...validateRestart(spec, `${field}.template.spec.restartPolicy`),
  ]
}

function validateMode(spec: JobSpec, field: string): Causes {
  const { completionMode, completions, parallelism = 0, backoffLimitPerIndex, maxFailedIndexes } = spec
  const indexed = completionMode === 'Indexed'
  return [
    ...(completionMode === undefined
      ? []
      : oneOf(`${field}.completionMode`, completionMode, ['Indexed', 'NonIndexed'])),
    ...when(indexed && completions === undefined, required(`${field}.completions`, 'when completion mode is Indexed')),
    ...when(
      indexed && parallelism > maxIndexedParallelism,
      invalidValue(
        `${field}.parallelism`,
        parallelism,
        `must be less than or equal to ${maxIndexedParallelism} when completion mode is Indexed`,
      ),
    ),
    ...when(
      !indexed && backoffLimitPerIndex !== undefined,
      invalidValue(`${field}.backoffLimitPerIndex`, backoffLimitPerIndex, 'requires indexed completion mode'),
    ),
    ...when(
      !indexed && maxFailedIndexes !== undefined,
      invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, 'requires indexed completion mode'),
    ),
    ...when(
      backoffLimitPerIndex === undefined && maxFailedIndexes !== undefined,
      required(`${field}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'),
    ),
    ...when(
      maxFailedIndexes !== undefined && completions !== undefined && maxFailedIndexes > completions,
      invalidValue(`${field}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'),
    ),
  ]
}

function validateRestart({ template, podFailurePolicy }: JobSpec, field: string): Causes {
  const { restartPolicy = '' } = template.spec
  return [
    ...(restartPolicy === 'Always' || restartPolicy === ''
      ? [required(field, 'valid values: "OnFailure", "Never"')]
      : when(
          restartPolicy !== 'OnFailure' && restartPolicy !== 'Never',
          notSupported(field, restartPolicy, ['OnFailure', 'Never']),
        )),
    ...when(
      podFailurePolicy !== undefined && restartPolicy !== 'Never',
      invalidValue(field, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified'),
    ),
  ]
}

function validateReplacement({ podReplacementPolicy, podFailurePolicy }: JobSpec, field: string): Causes {
  if (podReplacementPolicy === undefined) return []
  const supported = podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed']
  return oneOf(`${field}.podReplacementPolicy`, podReplacementPolicy, supported)
}

function validateFailurePolicy({ podFailurePolicy, template, backoffLimitPerIndex }: JobSpec, field: string): Causes {
  if (podFailurePolicy === undefined) return []
  const names = [...(template.spec.containers ?? []), ...(template.spec.initContainers ?? [])].map(({ name }) => name)
  return [
    ...atMost(`${field}.rules`, podFailurePolicy.rules, maxRules),
    ...each(`${field}.rules`, podFailurePolicy.rules, (rule, path) => [
      ...(rule.action === ''
        ? [required(`${path}.action`, 'valid values: ["Count" "FailIndex" "FailJob" "Ignore"]')]
        : oneOf(`${path}.action`, rule.action, ['Count', 'FailIndex', 'FailJob', 'Ignore'])),
      ...when(
        rule.action === 'FailIndex' && backoffLimitPerIndex === undefined,
        invalidValue(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'),
      ),
      ...validateRule(rule, names, path),
    ]),
  ]
}

function validateRule(
  { onExitCodes, onPodConditions = [] }: PodFailurePolicyRule,
  names: readonly string[],
  field: string,
): Causes {
  const byCode = onExitCodes !== undefined
  const byCondition = onPodConditions.length > 0
  const { operator, values = [], containerName } = onExitCodes ?? { operator: 'In' }
  const omitted = (detail: string) => ({
    reason: 'FieldValueInvalid' as const,
    message: `Invalid value: ${detail}`,
    field,
  })
  return [
    ...(byCode ? oneOf(`${field}.onExitCodes.operator`, operator, ['In', 'NotIn']) : []),
    ...when(
      containerName !== undefined && !names.includes(containerName),
      invalidValue(
        `${field}.onExitCodes.containerName`,
        containerName,
        `must be one of the container or initContainer names in the pod template`,
      ),
    ),
    ...when(
      byCode && values.length === 0,
      invalidValue(`${field}.onExitCodes.values`, values, 'at least one value is required'),
    ),
    ...when(
      byCode && operator === 'In' && values.includes(0),
      invalidValue(`${field}.onExitCodes.values[${values.indexOf(0)}]`, 0, 'must not be 0 for the In operator'),
    ),
    ...each(`${field}.onPodConditions`, onPodConditions, ({ type, status }, path) => [
      ...invalidValues(`${path}.type`, type, isQualifiedName(type)),
      ...oneOf(`${path}.status`, status, ['False', 'True', 'Unknown']),
    ]),
    ...when(byCode && byCondition, omitted('specifying both OnExitCodes and OnPodConditions is not supported')),
    ...when(!byCode && !byCondition, omitted('specifying one of OnExitCodes and OnPodConditions is required')),
  ]
}

function validateSuccessPolicy({ successPolicy, completionMode }: JobSpec, field: string): Causes {
  if (successPolicy === undefined) return []
  return [
    ...when(completionMode !== 'Indexed', {
      reason: 'FieldValueInvalid',
      message: 'Invalid value: requires indexed completion mode',
      field,
    }),
    ...when(
      successPolicy.rules.length === 0,
      required(`${field}.rules`, 'at least one rules must be specified when the successPolicy is specified'),
    ),
    ...atMost(`${field}.rules`, successPolicy.rules, maxRules),
    ...each(`${field}.rules`, successPolicy.rules, ({ succeededIndexes, succeededCount }, path) =>
      when(
        succeededIndexes === undefined && succeededCount === undefined,
        required(path, 'at least one of succeededCount or succeededIndexes must be specified'),
      ),
    ),
  ]
}

/** Template and selector stay; a suspended job that never ran may be scheduled anew. */
export function validateJobUpdate(job: Job, old: Job): Causes {
  const fixed = [
    'selector',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const
  return [
    ...validateJobSpec(job.spec, 'spec'),
    ...validateCompletions(job.spec, old.spec),
    ...fixed.flatMap((key) => immutable(`spec.${key}`, job.spec[key], old.spec[key])),
    ...validateTemplateChange(job, old),
  ]
}

function validateCompletions(spec: JobSpec, old: JobSpec): Causes {
  const elastic =
    spec.completionMode === 'Indexed' && spec.completions === spec.parallelism && spec.completions !== undefined
  if (!elastic) return immutable('spec.completions', spec.completions, old.completions)
  return []
}

function validateTemplateChange(job: Job, old: Job): Causes {
  const notStarted = old.spec.suspend === true && old.status.startTime === undefined
  const template = notStarted ? withScheduling(job, old) : job.spec.template
  return when(!sameJson(template, old.spec.template), () =>
    invalidValue('spec.template', job.spec.template, 'field is immutable'),
  )
}

function withScheduling(job: Job, old: Job): JobSpec['template'] {
  const { nodeSelector, tolerations, affinity, schedulingGates } = old.spec.template.spec
  const kept = Object.entries({ nodeSelector, tolerations, affinity, schedulingGates }).filter(
    ([, value]) => value !== undefined,
  )
  const { nodeSelector: _a, tolerations: _b, affinity: _c, schedulingGates: _d, ...rest } = job.spec.template.spec
  return {
    ...job.spec.template,
    metadata: {
      ...job.spec.template.metadata,
      ...(old.spec.template.metadata.annotations === undefined
        ? {}
        : { annotations: old.spec.template.metadata.annotations }),
      ...(old.spec.template.metadata.labels === undefined ? {} : { labels: old.spec.template.metadata.labels }),
    },
    spec: { ...rest, ...Object.fromEntries(kept) },
  }
}

/** What the job controller may report. */
export function validateJobStatus(job: Job, old: Job): Causes {
  const { status } = job
  const finished = (type: string) =>
    old.status.conditions?.some((one) => one.type === type && one.status === 'True') === true
  const stillFinished = (type: string) =>
    status.conditions?.some((one) => one.type === type && one.status === 'True') === true
  return [
    ...validateCounts(status, ['active', 'succeeded', 'failed', 'ready', 'terminating']),
    ...['Complete', 'Failed'].flatMap((type) =>
      when(
        finished(type) && !stillFinished(type),
        forbiddenField('status.conditions', `cannot disable the terminal ${type}=True condition`),
      ),
    ),
  ]
}
