/** ReplicationController: the forerunner of ReplicaSet. Source: pkg/apis/core/validation, pkg/registry/core/replicationcontroller. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { validateReplicaStatus } from '../apps/replica-set.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, nonNegative, sortedMap, when } from '../meta/causes.ts'
import { ageColumn, containerImages, containerNames, formatLabels, integer, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validateAlwaysRestart, validatePodTemplate } from './pod-spec.ts'
import { workloadWarnings } from './pod-warnings.ts'
import type { ReplicationController } from './v1.ts'

export const replicationControllers = defineResource<ReplicationController>({
  facts: factsOf('', 'replicationcontrollers'),
  definition: 'core.v1.ReplicationController',
  validateName: subdomainName,
  defaults: applyDefaults,
  validate: validateController,
  validateUpdate: validateController,
  validateStatusUpdate: ({ status }) => validateReplicaStatus(status),
  columns: [
    nameColumn,
    integer('Desired', ({ spec }) => spec.replicas ?? 0),
    integer('Current', ({ status }) => status.replicas),
    integer('Ready', ({ status }) => status.readyReplicas ?? 0),
    ageColumn,
    text('Containers', ({ spec }) => containerNames(spec.template), true),
    text('Images', ({ spec }) => containerImages(spec.template), true),
    text('Selector', ({ spec }) => formatLabels(spec.selector), true),
  ],
  selectableFields: { 'status.replicas': ({ status }) => String(status.replicas ?? 0) },
  warnings: ({ spec }, old) => workloadWarnings(spec.template, old === undefined),
})

function applyDefaults(controller: ReplicationController): ReplicationController {
  const { spec, metadata } = controller
  const labels = spec.template?.metadata?.labels
  const isEmpty = (map: object | undefined) => Object.keys(map ?? {}).length === 0
  return {
    ...controller,
    metadata: { ...metadata, ...(labels !== undefined && isEmpty(metadata.labels) ? { labels } : {}) },
    spec: {
      ...withoutZeroDelay(spec),
      ...(labels !== undefined && isEmpty(spec.selector) ? { selector: labels } : {}),
      ...(spec.template === undefined ? {} : { template: defaultPodTemplate(spec.template) }),
    },
  }
}

/** The schema has 0 as the default, and yet upstream never writes it. */
function withoutZeroDelay(spec: ReplicationController['spec']): ReplicationController['spec'] {
  const { minReadySeconds, ...rest } = spec
  // The type says that a default is always there.
  return minReadySeconds === 0 ? (rest as ReplicationController['spec']) : spec
}

function validateController({ spec }: ReplicationController): Causes {
  const { selector = {}, template } = spec
  const entries = Object.entries(selector)
  const labels = template?.metadata?.labels ?? {}
  return [
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...when(entries.length === 0, required('spec.selector')),
    ...nonNegative('spec.replicas', spec.replicas),
    ...(template === undefined
      ? [required('spec.template')]
      : [
          ...when(
            entries.some(([key, value]) => labels[key] !== value),
            () =>
              invalidValue(
                'spec.template.metadata.labels',
                template.metadata.labels === undefined ? null : sortedMap(labels),
                '`selector` does not match template `labels`',
              ),
          ),
          ...validatePodTemplate(template, 'spec.template'),
          ...validateAlwaysRestart(template, 'spec.template', 'ReplicationController'),
        ]),
  ]
}
