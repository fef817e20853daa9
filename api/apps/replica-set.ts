/** ReplicaSet: as many pods as asked for. Source: pkg/apis/apps/validation, pkg/registry/apps/replicaset. */
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, nonNegative } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { ReplicaSet } from './v1.ts'
import {
  notMoreThan,
  templateColumns,
  validateCounts,
  validateSelectorAndTemplate,
  warnAboutWorkload,
} from './workload.ts'

export const replicaSets = defineResource<ReplicaSet>({
  facts: factsOf('apps', 'replicasets'),
  definition: 'apps.v1.ReplicaSet',
  validateName: subdomainName,
  defaults: (replicaSet) => ({
    ...replicaSet,
    spec: {
      ...replicaSet.spec,
      replicas: replicaSet.spec.replicas ?? 1,
      template: defaultPodTemplate(replicaSet.spec.template),
    },
  }),
  validate: validateSpec,
  validateUpdate: (replicaSet, old) => [
    ...validateSpec(replicaSet),
    ...immutable('spec.selector', replicaSet.spec.selector, old.spec.selector),
  ],
  validateStatusUpdate: ({ status }) => validateReplicaStatus(status),
  columns: [
    nameColumn,
    integer('Desired', ({ spec }) => spec.replicas ?? 0),
    integer('Current', ({ status }) => status.replicas),
    integer('Ready', ({ status }) => status.readyReplicas ?? 0),
    ageColumn,
    ...templateColumns,
  ],
  warnings: warnAboutWorkload,
})

function validateSpec({ spec }: ReplicaSet): Causes {
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...validateSelectorAndTemplate(spec, 'ReplicaSet'),
  ]
}

/** Rules that replica sets and replication controllers share. */
export function validateReplicaStatus(status: Readonly<Record<string, unknown>>): Causes {
  return [
    ...validateCounts(status, [
      'replicas',
      'fullyLabeledReplicas',
      'readyReplicas',
      'availableReplicas',
      'terminatingReplicas',
      'observedGeneration',
    ]),
    ...notMoreThan(
      status,
      ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
      'replicas',
      'status.replicas',
    ),
    ...notMoreThan(status, ['availableReplicas'], 'readyReplicas', 'readyReplicas'),
  ]
}
