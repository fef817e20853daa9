/** Deployment: replica sets, one after the other. Source: pkg/apis/apps/v1/defaults.go, pkg/apis/apps/validation. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, immutable, nonNegative, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { Deployment, DeploymentSpec, DeploymentStrategy } from './v1.ts'
import {
  isZero,
  notMoreThan,
  templateColumns,
  validateAtMost100Percent,
  validateCollisions,
  validateCounts,
  validateIntOrPercent,
  validateSelectorAndTemplate,
  warnAboutWorkload,
} from './workload.ts'

export const deployments = defineResource<Deployment>({
  facts: factsOf('apps', 'deployments'),
  definition: 'apps.v1.Deployment',
  validateName: subdomainName,
  defaults: (deployment) => ({ ...deployment, spec: defaultSpec(deployment.spec) }),
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old) => [
    ...validateSpec(spec),
    ...immutable('spec.selector', spec.selector, old.spec.selector),
  ],
  // Annotations count as a change, too: tools write there what a rollout is about. Source: deploymentStrategy.
  prepareForUpdate: (deployment, old) => {
    const isSame =
      sameJson(deployment.spec, old.spec) &&
      sameJson(deployment.metadata.annotations ?? {}, old.metadata.annotations ?? {})
    // The status is the old one, also where there is none yet.
    const next = { ...old, metadata: deployment.metadata, spec: deployment.spec }
    if (isSame) return next
    return { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } }
  },
  // Annotations may change with the status: the controller notes the revision there. Source: deploymentStatusStrategy.
  prepareForStatusUpdate: (deployment, { metadata, spec }) => {
    const { labels: _, ...rest } = deployment.metadata
    const labels = metadata.labels === undefined ? {} : { labels: metadata.labels }
    return { ...deployment, metadata: { ...rest, ...labels }, spec }
  },
  validateStatusUpdate: ({ status }, old) => [
    ...validateCounts(status, [
      'observedGeneration',
      'replicas',
      'updatedReplicas',
      'readyReplicas',
      'availableReplicas',
      'unavailableReplicas',
      'terminatingReplicas',
      'collisionCount',
    ]),
    ...notMoreThan(status, ['updatedReplicas', 'readyReplicas', 'availableReplicas'], 'replicas', 'status.replicas'),
    ...notMoreThan(status, ['availableReplicas'], 'readyReplicas', 'readyReplicas'),
    ...validateCollisions(status, old.status),
  ],
  columns: [
    nameColumn,
    text('Ready', ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    text('Up-to-date', ({ status }) => status.updatedReplicas ?? 0),
    text('Available', ({ status }) => status.availableReplicas ?? 0),
    ageColumn,
    ...templateColumns,
  ],
  warnings: warnAboutWorkload,
})

function defaultSpec(spec: DeploymentSpec): DeploymentSpec {
  return {
    ...spec,
    replicas: spec.replicas ?? 1,
    template: defaultPodTemplate(spec.template),
    strategy: defaultStrategy(spec.strategy),
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
  }
}

function defaultStrategy(strategy: DeploymentStrategy): DeploymentStrategy {
  const type = strategy?.type || 'RollingUpdate'
  if (type !== 'RollingUpdate') return { ...strategy, type }
  return { ...strategy, type, rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%', ...strategy?.rollingUpdate } }
}

function validateSpec(spec: DeploymentSpec): Causes {
  const { minReadySeconds = 0, progressDeadlineSeconds } = spec
  return [
    ...nonNegative('spec.replicas', spec.replicas),
    ...validateSelectorAndTemplate(spec, 'ReplicaSet'),
    ...validateStrategy(spec.strategy),
    ...nonNegative('spec.minReadySeconds', minReadySeconds),
    ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
    ...nonNegative('spec.progressDeadlineSeconds', progressDeadlineSeconds),
    ...when(
      progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds,
      invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'),
    ),
  ]
}

const internalRollingUpdate = [
  ['MaxUnavailable', 'maxUnavailable', 0],
  ['MaxSurge', 'maxSurge', 0],
] as const

function validateStrategy({ type, rollingUpdate }: DeploymentStrategy): Causes {
  const field = 'spec.strategy.rollingUpdate'
  if (type === 'Recreate') {
    return when(
      rollingUpdate !== undefined,
      forbiddenField(field, "may not be specified when strategy `type` is 'Recreate'"),
    )
  }
  if (type !== 'RollingUpdate') {
    const given = {
      Type: type ?? '',
      RollingUpdate: rollingUpdate === undefined ? null : asInternal(rollingUpdate, internalRollingUpdate),
    }
    return [notSupported('spec.strategy', given, ['Recreate', 'RollingUpdate'])]
  }
  if (rollingUpdate === undefined) return [required(field, 'this should be defaulted and never be nil')]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  return [
    ...validateIntOrPercent(`${field}.maxUnavailable`, maxUnavailable),
    ...validateIntOrPercent(`${field}.maxSurge`, maxSurge),
    ...when(
      isZero(maxUnavailable) && isZero(maxSurge),
      invalidValue(`${field}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'),
    ),
    ...validateAtMost100Percent(`${field}.maxUnavailable`, maxUnavailable),
  ]
}
