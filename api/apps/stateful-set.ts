/** StatefulSet: pods with names and volumes that stay. Source: pkg/apis/apps/validation, pkg/registry/apps/statefulset. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { validateClaimSpec } from '../core/claim-spec.ts'
import { defaultPodTemplate } from '../core/pod-defaults.ts'
import type { PersistentVolumeClaim } from '../core/v1.ts'
import { defaultClaimSpec } from '../core/volume-defaults.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, each, invalidValues, nonNegative, sameJson, when } from '../meta/causes.ts'
import { ageColumn, containerImages, containerNames, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy } from './v1.ts'
import {
  isZero,
  notMoreThan,
  validateAtMost100Percent,
  validateCollisions,
  validateCounts,
  validateIntOrPercent,
  validateSelectorAndTemplate,
  warnAboutTemplate,
} from './workload.ts'

export const statefulSets = defineResource<StatefulSet>({
  facts: factsOf('apps', 'statefulsets'),
  definition: 'apps.v1.StatefulSet',
  validateName: subdomainName,
  defaults: (statefulSet) => ({ ...statefulSet, spec: defaultSpec(statefulSet.spec) }),
  validate: ({ spec }) => [...validateSpec(spec, validateClaimTemplates(spec)), ...validateServiceName(spec)],
  validateUpdate: ({ spec }, old) => [...validateSpec(spec), ...validateChange(spec, old.spec)],
  validateStatusUpdate: ({ status }, old) => [
    ...validateCounts(status, [
      'replicas',
      'readyReplicas',
      'currentReplicas',
      'updatedReplicas',
      'availableReplicas',
      'observedGeneration',
      'collisionCount',
    ]),
    ...notMoreThan(
      status,
      ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
      'replicas',
      'status.replicas',
    ),
    ...notMoreThan(status, ['availableReplicas'], 'readyReplicas', 'status.readyReplicas'),
    ...validateCollisions(status, old.status),
  ],
  prepareForCreate: (statefulSet) => ({
    ...withoutMaxUnavailable(statefulSet, undefined),
    metadata: { ...statefulSet.metadata, generation: 1 },
    status: { replicas: 0, availableReplicas: 0 },
  }),
  prepareForUpdate: (statefulSet, old) => {
    const next = withoutMaxUnavailable(statefulSet, old)
    const generation = (old.metadata.generation ?? 0) + (sameJson(next.spec, old.spec) ? 0 : 1)
    return { ...next, metadata: { ...next.metadata, generation }, status: old.status }
  },
  columns: [
    nameColumn,
    text('Ready', ({ spec, status }) => `${status.readyReplicas ?? 0}/${spec.replicas ?? 0}`),
    ageColumn,
    text('Containers', ({ spec }) => containerNames(spec.template), true),
    text('Images', ({ spec }) => containerImages(spec.template), true),
  ],
  warnings: (statefulSet, old) => [
    ...warnAboutTemplate(statefulSet, old),
    ...((statefulSet.spec.revisionHistoryLimit ?? 0) < 0
      ? ['spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended']
      : []),
  ],
})

/** Behind a feature gate that is off in 1.36 (MaxUnavailableStatefulSet, KEP-961): kept only where it was. */
function withoutMaxUnavailable(statefulSet: StatefulSet, old: StatefulSet | undefined): StatefulSet {
  const { updateStrategy } = statefulSet.spec
  if (old?.spec.updateStrategy.rollingUpdate?.maxUnavailable !== undefined) return statefulSet
  if (updateStrategy.rollingUpdate?.maxUnavailable === undefined) return statefulSet
  const { maxUnavailable: _, ...rollingUpdate } = updateStrategy.rollingUpdate
  return { ...statefulSet, spec: { ...statefulSet.spec, updateStrategy: { ...updateStrategy, rollingUpdate } } }
}

function defaultSpec(spec: StatefulSetSpec): StatefulSetSpec {
  return {
    ...spec,
    replicas: spec.replicas ?? 1,
    template: defaultPodTemplate(spec.template),
    podManagementPolicy: spec.podManagementPolicy || 'OrderedReady',
    updateStrategy: defaultStrategy(spec.updateStrategy),
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
    persistentVolumeClaimRetentionPolicy: {
      whenDeleted: spec.persistentVolumeClaimRetentionPolicy?.whenDeleted || 'Retain',
      whenScaled: spec.persistentVolumeClaimRetentionPolicy?.whenScaled || 'Retain',
    },
    ...(spec.volumeClaimTemplates === undefined
      ? {}
      : { volumeClaimTemplates: spec.volumeClaimTemplates.map(defaultClaim) }),
  }
}

function defaultStrategy(strategy: StatefulSetUpdateStrategy): StatefulSetUpdateStrategy {
  const { type = '', rollingUpdate } = strategy ?? {}
  // A type that was given without parameters stays without, as upstream has it.
  if (type === '' || (type === 'RollingUpdate' && rollingUpdate !== undefined)) {
    return { ...strategy, type: 'RollingUpdate', rollingUpdate: { partition: 0, ...rollingUpdate } }
  }
  return strategy
}

function defaultClaim(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  return {
    ...claim,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: defaultClaimSpec(claim.spec),
    status: { ...claim.status, phase: claim.status?.phase || 'Pending' },
  }
}

function validateServiceName({ serviceName = '' }: StatefulSetSpec): Causes {
  return serviceName === '' ? [] : invalidValues('spec.serviceName', serviceName, isDns1123Label(serviceName))
}

/** Not looked at again in updates: they cannot change. */
function validateClaimTemplates({ volumeClaimTemplates }: StatefulSetSpec): Causes {
  return each('spec.volumeClaimTemplates', volumeClaimTemplates, ({ spec }, path) =>
    validateClaimSpec(spec, `${path}.spec`),
  )
}

function validateSpec(spec: StatefulSetSpec, claims: Causes = []): Causes {
  const { podManagementPolicy = '', persistentVolumeClaimRetentionPolicy: retention = {} } = spec
  return [
    ...(podManagementPolicy === ''
      ? [required('spec.podManagementPolicy')]
      : when(
          !['OrderedReady', 'Parallel'].includes(podManagementPolicy),
          invalidValue('spec.podManagementPolicy', podManagementPolicy, "must be 'OrderedReady' or 'Parallel'"),
        )),
    ...validateStrategy(spec.updateStrategy),
    ...retentionPolicy('whenDeleted', retention.whenDeleted),
    ...retentionPolicy('whenScaled', retention.whenScaled),
    ...claims,
    ...nonNegative('spec.replicas', spec.replicas),
    ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...validateSelectorAndTemplate(asPodTemplate(spec), 'StatefulSet'),
  ]
}

function retentionPolicy(key: string, value = ''): Causes {
  const policies = ['Retain', 'Delete']
  const field = `spec.persistentVolumeClaimRetentionPolicy.${key}`
  return when(!policies.includes(value), () => notSupported(field, value, policies))
}

/**
 * The template as pods will have it: claim templates become volumes in front of the others, instead of those with their names.
 * The controller sets host name and subdomain.
 */
function asPodTemplate(spec: StatefulSetSpec): StatefulSetSpec {
  // Upstream's templates may lack a name: pods then lack one, too.
  const named = (spec.volumeClaimTemplates ?? []).map(
    ({ metadata }: { metadata?: { name?: string } }) => metadata?.name ?? '',
  )
  const claims = new Set(named)
  const { subdomain: _subdomain, hostname: _hostname, volumes = [], ...podSpec } = spec.template.spec
  const added = [...claims].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }))
  const kept = volumes.filter(({ name }) => !claims.has(name))
  return { ...spec, template: { ...spec.template, spec: { ...podSpec, volumes: [...added, ...kept] } } }
}

function internalStrategy({ type = '', rollingUpdate }: StatefulSetUpdateStrategy): Json {
  return { Type: type, RollingUpdate: internalRolling(rollingUpdate) }
}

function internalRolling(rollingUpdate: StatefulSetUpdateStrategy['rollingUpdate']): Json {
  if (rollingUpdate === undefined) return null
  return asInternal(rollingUpdate, [
    ['Partition', 'partition', 0],
    ['MaxUnavailable', 'maxUnavailable'],
  ])
}

function validateStrategy(strategy: StatefulSetUpdateStrategy): Causes {
  const { type = '', rollingUpdate } = strategy
  const field = 'spec.updateStrategy'
  switch (type) {
    case '':
      return [required(field)]
    case 'OnDelete':
      return when(rollingUpdate !== undefined, () =>
        invalidValue(
          `${field}.rollingUpdate`,
          internalRolling(rollingUpdate),
          "only allowed for updateStrategy 'RollingUpdate'",
        ),
      )
    case 'RollingUpdate': {
      const { partition, maxUnavailable } = rollingUpdate ?? {}
      const path = `${field}.rollingUpdate`
      return [
        ...nonNegative(`${path}.partition`, partition),
        ...(maxUnavailable === undefined
          ? []
          : [
              ...validateIntOrPercent(`${path}.maxUnavailable`, maxUnavailable),
              ...when(isZero(maxUnavailable), invalidValue(`${path}.maxUnavailable`, maxUnavailable, 'cannot be 0')),
              ...validateAtMost100Percent(`${path}.maxUnavailable`, maxUnavailable),
            ]),
      ]
    }
    default:
      return [invalidValue(field, internalStrategy(strategy), "must be 'RollingUpdate' or 'OnDelete'")]
  }
}

const mutable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]

function validateChange(spec: StatefulSetSpec, old: StatefulSetSpec): Causes {
  const fixed = (one: StatefulSetSpec) =>
    Object.fromEntries(Object.entries(one).filter(([key]) => !mutable.includes(key)))
  const names = mutable.slice(0, -1).map((name) => `'${name}'`)
  return when(
    !sameJson(fixed(spec), fixed(old)),
    forbiddenField(
      'spec',
      `updates to statefulset spec for fields other than ${names.join(', ')} and 'minReadySeconds' are forbidden`,
    ),
  )
}
