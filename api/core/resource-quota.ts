/** ResourceQuota: how much a namespace may have. Source: `ValidateResourceQuota`, `printResourceQuota`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, eachEntry, immutable, invalidValues, oneOf, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateQuantity } from './resource-requirements.ts'
import type { ResourceQuota } from './v1.ts'

const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
]
const plainResources = new Set([
  'cpu',
  'memory',
  'ephemeral-storage',
  'requests.cpu',
  'requests.memory',
  'requests.storage',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'persistentvolumeclaims',
  'configmaps',
  'services.nodeports',
  'services.loadbalancers',
])

export const resourceQuotas = defineResource<ResourceQuota>({
  facts: factsOf('', 'resourcequotas'),
  definition: 'core.v1.ResourceQuota',
  hasGeneration: false,
  validateName: subdomainName,
  validate: validateQuota,
  validateUpdate: (quota, old) => [
    ...validateQuota(quota),
    ...immutable('spec.scopes', quota.spec.scopes, old.spec.scopes),
  ],
  validateStatusUpdate: ({ status }) => [
    ...eachEntry('status.hard', status.hard, (amount, path, name) => validateAmount(name, amount, path)),
    ...eachEntry('status.used', status.used, (amount, path, name) => validateAmount(name, amount, path)),
  ],
  prepareForCreate: (quota) => ({ ...quota, status: {} }),
  prepareForStatusUpdate: keepSpec,
  columns: [
    nameColumn,
    text('Request', (quota) => usage(quota, false)),
    text('Limit', (quota) => usage(quota, true)),
    ageColumn,
  ],
})

function usage({ status }: ResourceQuota, limits: boolean): string {
  return Object.keys(status.hard ?? {})
    .filter((name) => name.startsWith('limits') === limits)
    .sort()
    .map((name) => `${name}: ${status.used?.[name] ?? '0'}/${status.hard?.[name] ?? '0'}`)
    .join(', ')
}

function validateAmount(name: string, amount: string, field: string): Causes {
  return [...validateResourceName(name, field), ...validateQuantity(name, amount, field)]
}

/** Source: `validateResourceQuotaResourceName`. */
function validateResourceName(name: string, field: string): Causes {
  const messages = isQualifiedName(name)
  if (messages.length > 0) return invalidValues(field, name, messages)
  const known =
    plainResources.has(name) || /^(requests\.)?hugepages-/.test(name) || name.includes('/') || name.startsWith('count/')
  return when(!known, () => invalidValue(field, name, 'must be a standard resource for quota'))
}

function validateQuota({ spec }: ResourceQuota): Causes {
  return [
    ...eachEntry('spec.hard', spec.hard, (amount, path, name) => validateAmount(name, amount, path)),
    ...validateScopes(spec.scopes ?? []),
    ...each('spec.scopeSelector.matchExpressions', spec.scopeSelector?.matchExpressions, (one, path) => [
      ...oneOf(`${path}.scopeName`, one.scopeName, scopes),
      ...oneOf(`${path}.operator`, one.operator, ['DoesNotExist', 'Exists', 'In', 'NotIn']),
      ...when(
        (one.operator === 'In' || one.operator === 'NotIn') && (one.values ?? []).length === 0,
        required(`${path}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"),
      ),
      ...when((one.operator === 'Exists' || one.operator === 'DoesNotExist') && (one.values ?? []).length > 0, () =>
        invalidValue(
          `${path}.values`,
          one.values,
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ),
      ),
    ]),
  ]
}

function validateScopes(list: readonly string[]): Causes {
  const opposites = [
    ['BestEffort', 'NotBestEffort'],
    ['Terminating', 'NotTerminating'],
  ] as const
  return [
    ...list.flatMap((scope) =>
      when(!scopes.includes(scope), () => invalidValue('spec.scopes', scope, 'unsupported scope')),
    ),
    ...opposites.flatMap((pair) =>
      when(
        pair.every((scope) => list.includes(scope)),
        () => invalidValue('spec.scopes', list, 'conflicting scopes'),
      ),
    ),
  ]
}
