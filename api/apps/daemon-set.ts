/** DaemonSet: one pod on every node. Source: pkg/apis/apps/validation, pkg/registry/apps/daemonset. */
import { invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, immutable, nonNegative, sameJson, when } from '../meta/causes.ts'
import { ageColumn, formatLabels, integer, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { DaemonSet, DaemonSetSpec, DaemonSetUpdateStrategy } from './v1.ts'
import {
  isZero,
  templateColumns,
  validateAtMost100Percent,
  validateCollisions,
  validateCounts,
  validateIntOrPercent,
  validateSelectorAndTemplate,
  warnAboutTemplate,
} from './workload.ts'

/** An old field of the API that lives on as an annotation. */
const generationAnnotation = 'deprecated.daemonset.template.generation'

export const daemonSets = defineResource<DaemonSet>({
  facts: factsOf('apps', 'daemonsets'),
  definition: 'apps.v1.DaemonSet',
  validateName: subdomainName,
  defaults: (daemonSet) =>
    withTemplateGeneration({ ...daemonSet, spec: defaultSpec(daemonSet.spec) }, templateGeneration(daemonSet)),
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old) => [
    ...immutable('spec.selector', spec.selector, old.spec.selector),
    ...validateSpec(spec),
  ],
  validateStatusUpdate: ({ status }, old) => [
    ...validateCounts(status, [
      'currentNumberScheduled',
      'numberMisscheduled',
      'desiredNumberScheduled',
      'numberReady',
      'observedGeneration',
      'updatedNumberScheduled',
      'numberAvailable',
      'numberUnavailable',
      'collisionCount',
    ]),
    ...validateCollisions(status, old.status),
  ],
  prepareForCreate: (daemonSet) => {
    const first = { ...daemonSet, metadata: { ...daemonSet.metadata, generation: 1 }, status: emptyStatus }
    return withTemplateGeneration(first, Math.max(1, templateGeneration(daemonSet)))
  },
  prepareForUpdate: (daemonSet, old) => {
    const before = templateGeneration(old)
    const templateChanged = !sameJson(daemonSet.spec.template, old.spec.template)
    const next = withTemplateGeneration({ ...daemonSet, status: old.status }, before + (templateChanged ? 1 : 0))
    const generation = (old.metadata.generation ?? 0) + (sameJson(daemonSet.spec, old.spec) ? 0 : 1)
    return { ...next, metadata: { ...next.metadata, generation } }
  },
  columns: [
    nameColumn,
    integer('Desired', ({ status }) => status.desiredNumberScheduled),
    integer('Current', ({ status }) => status.currentNumberScheduled),
    integer('Ready', ({ status }) => status.numberReady),
    integer('Up-to-date', ({ status }) => status.updatedNumberScheduled ?? 0),
    integer('Available', ({ status }) => status.numberAvailable ?? 0),
    text('Node Selector', ({ spec }) => formatLabels(spec.template.spec.nodeSelector)),
    ageColumn,
    ...templateColumns,
  ],
  warnings: warnAboutTemplate,
})

const emptyStatus = { currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0 }

function templateGeneration({ metadata }: Pick<DaemonSet, 'metadata'>): number {
  const number = Number(metadata.annotations?.[generationAnnotation] ?? 0)
  return Number.isSafeInteger(number) ? number : 0
}

function withTemplateGeneration(daemonSet: DaemonSet, generation: number): DaemonSet {
  const annotations = { ...daemonSet.metadata.annotations, [generationAnnotation]: String(generation) }
  return { ...daemonSet, metadata: { ...daemonSet.metadata, annotations } }
}

function defaultSpec(spec: DaemonSetSpec): DaemonSetSpec {
  const type = spec.updateStrategy?.type || 'RollingUpdate'
  const rollingUpdate = { maxUnavailable: 1, maxSurge: 0, ...spec.updateStrategy?.rollingUpdate }
  return {
    ...spec,
    template: defaultPodTemplate(spec.template),
    updateStrategy: { ...spec.updateStrategy, type, ...(type === 'RollingUpdate' ? { rollingUpdate } : {}) },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
  }
}

function validateSpec(spec: DaemonSetSpec): Causes {
  return [
    ...validateSelectorAndTemplate(spec, 'DaemonSet'),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...validateStrategy(spec.updateStrategy),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
  ]
}

const internalRollingUpdate = [
  ['MaxUnavailable', 'maxUnavailable', 0],
  ['MaxSurge', 'maxSurge', 0],
] as const

function validateStrategy({ type, rollingUpdate }: DaemonSetUpdateStrategy): Causes {
  const field = 'spec.updateStrategy.rollingUpdate'
  if (type === 'OnDelete') return []
  if (type !== 'RollingUpdate') {
    const given = {
      Type: type ?? '',
      RollingUpdate: rollingUpdate === undefined ? null : asInternal(rollingUpdate, internalRollingUpdate),
    }
    return [notSupported('spec.updateStrategy', given, ['RollingUpdate', 'OnDelete'])]
  }
  if (rollingUpdate === undefined) return [required(field)]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  return [
    ...validateIntOrPercent(`${field}.maxUnavailable`, maxUnavailable),
    ...validateIntOrPercent(`${field}.maxSurge`, maxSurge),
    ...validateAtMost100Percent(`${field}.maxUnavailable`, maxUnavailable),
    ...validateAtMost100Percent(`${field}.maxSurge`, maxSurge),
    ...when(
      !isZero(maxUnavailable) && !isZero(maxSurge),
      invalidValue(`${field}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'),
    ),
    ...when(
      isZero(maxUnavailable) && isZero(maxSurge),
      required(`${field}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'),
    ),
  ]
}
