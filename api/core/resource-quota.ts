/** ResourceQuota: how much a namespace may have. Source: `ValidateResourceQuota`, `printResourceQuota`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, eachEntry, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { quantityOf } from './pod-resources.ts'
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
  validateUpdate: (quota, old) => [...validateQuota(quota), ...validateSameScopes(quota, old)],
  warnings: (quota, old) => (old === undefined ? quotaWarnings(quota) : []),
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
  const expressions = spec.scopeSelector?.matchExpressions ?? []
  const selected = expressions.map(({ scopeName }) => scopeName)
  return [
    ...eachEntry('spec.hard', spec.hard, (amount, path, name) => validateAmount(name, amount, path)),
    ...(spec.scopes ?? []).flatMap((scope) => validateScope(scope, spec, 'spec.scopes', 'spec.scopes', spec.scopes)),
    ...conflicts(spec.scopes ?? [], 'spec.scopes', spec),
    ...expressions.flatMap((one) => validateExpression(one, spec)),
    ...conflicts(selected, `${selectorField}`, spec),
  ]
}

const selectorField = 'spec.scopeSelector.matchExpressions'
type Expression = NonNullable<NonNullable<ResourceQuota['spec']['scopeSelector']>['matchExpressions']>[number]

/** A scope that is known and fits everything that is limited; upstream shows `whole` with it. */
function validateScope(
  scope: string,
  { hard }: ResourceQuota['spec'],
  field: string,
  listField: string,
  whole?: Json,
): Causes {
  const shown = field === listField ? (whole ?? null) : scope
  return [
    ...when(!scopes.includes(scope), () => invalidValue(field, shown, 'unsupported scope')),
    ...Object.keys(hard ?? {})
      .filter((name) => plainResources.has(name) && !fitsScope(scope, name))
      .map(() => invalidValue(listField, whole ?? null, 'unsupported scope applied to resource')),
  ]
}

const computeResources = new Set(
  ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
)

/** Source: `IsResourceQuotaScopeValidForResource`. */
function fitsScope(scope: string, name: string): boolean {
  if (!scopes.includes(scope)) return true
  if (scope === 'BestEffort') return name === 'pods'
  if (scope === 'VolumeAttributesClass') return name === 'persistentvolumeclaims' || name === 'requests.storage'
  return name === 'pods' || computeResources.has(name)
}

const onlyExists = new Set([
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
])

function validateExpression({ scopeName, operator, values = [] }: Expression, spec: ResourceQuota['spec']): Causes {
  const field = selectorField
  const selector = asInternalSelector(spec)
  return [
    ...validateScope(scopeName, spec, `${field}.scopeName`, field, selector),
    ...when(onlyExists.has(scopeName) && operator !== 'Exists', () =>
      invalidValue(
        `${field}.operator`,
        operator,
        "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      ),
    ),
    ...validateValues(operator, values, field),
  ]
}

function validateValues(operator: string, values: readonly string[], field: string): Causes {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return when(
        values.length === 0,
        required(`${field}.values`, "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"),
      )
    case 'Exists':
    case 'DoesNotExist':
      return when(values.length > 0, () =>
        invalidValue(
          `${field}.values`,
          values,
          "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        ),
      )
    default:
      return [invalidValue(`${field}.operator`, operator, 'not a valid selector operator')]
  }
}

const internalRequirement = [
  ['ScopeName', 'scopeName', ''],
  ['Operator', 'operator', ''],
  ['Values', 'values'],
] as const

function asInternalSelector({ scopeSelector }: ResourceQuota['spec']): Json {
  return {
    MatchExpressions: (scopeSelector?.matchExpressions ?? []).map((one) => asInternal(one, internalRequirement)),
  }
}

const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
] as const

function conflicts(list: readonly string[], field: string, { scopes: shown }: ResourceQuota['spec']): Causes {
  return opposites.flatMap((pair) =>
    when(
      pair.every((scope) => list.includes(scope)),
      () => invalidValue(field, shown ?? null, 'conflicting scopes'),
    ),
  )
}

/** The same scopes in any order. */
function validateSameScopes(quota: ResourceQuota, old: ResourceQuota): Causes {
  const sorted = (list: readonly string[] = []) => [...new Set(list)].sort().join()
  return when(sorted(quota.spec.scopes) !== sorted(old.spec.scopes), () =>
    invalidValue('spec.scopes', quota.spec.scopes ?? null, 'field is immutable'),
  )
}

/** Requests that exceed what may be used at most. */
function quotaWarnings({ spec }: ResourceQuota): readonly string[] {
  const hard = spec.hard ?? {}
  return ['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => {
    const names = name === 'ephemeral-storage' ? [`requests.${name}`] : [`requests.${name}`, name]
    const request = names.find((one) => hard[one] !== undefined)
    const [least, most] = [request === undefined ? undefined : hard[request], hard[`limits.${name}`]]
    if (least === undefined || most === undefined || compareQuantities(quantityOf(least), quantityOf(most)) <= 0)
      return []
    return [`ResourceQuota ${request} (${least}) should be less than limits.${name} (${most})`]
  })
}
