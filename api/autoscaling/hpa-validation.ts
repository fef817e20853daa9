/** Rules of autoscalers. Source: pkg/apis/autoscaling/validation, pkg/registry/autoscaling/horizontalpodautoscaler. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isPathSegmentName } from '../../apimachinery/names.ts'
import { quantityOf } from '../core/pod-resources.ts'
import { type Causes, each, invalidValues, nonNegative, oneOf, when } from '../meta/causes.ts'
import { validateMetric } from './metric-validation.ts'
import type { HorizontalPodAutoscaler, HPAScalingRules } from './v2.ts'

type Spec = HorizontalPodAutoscaler['spec']
type Reference = Spec['scaleTargetRef']

const maxPeriodSeconds = 1800
const maxWindowSeconds = 3600

/** What is wrong with a spec; an old mistake in an `apiVersion` may stay. */
export function validateHpaSpec(spec: Spec, old: Spec | undefined): Causes {
  const { minReplicas, maxReplicas, scaleTargetRef, metrics, behavior } = spec
  const lowest = old?.minReplicas === 0 ? 0 : 1
  const { apiVersion, kind } = old?.scaleTargetRef ?? {}
  const isSame = old !== undefined && apiVersion === scaleTargetRef.apiVersion && kind === scaleTargetRef.kind
  const objectsMayBeWrong = (old?.metrics ?? []).some(
    ({ object }) => object !== undefined && versionError(object.describedObject, true) !== undefined,
  )
  return [
    ...when(minReplicas !== undefined && minReplicas < lowest, () =>
      invalidValue('spec.minReplicas', minReplicas, `must be greater than or equal to ${lowest}`),
    ),
    ...when(maxReplicas === 0, required('spec.maxReplicas', 'must be set and greater than 0')),
    ...when(maxReplicas < 0, () => invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to 1')),
    ...when(minReplicas !== undefined && maxReplicas < minReplicas, () =>
      invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'),
    ),
    ...validateReference(scaleTargetRef, 'spec.scaleTargetRef', isSame ? 'any' : 'withGroup'),
    ...each('spec.metrics', metrics, (metric, field) =>
      validateMetric(metric, field, (object, path) =>
        validateReference(object, path, objectsMayBeWrong ? 'any' : 'wellFormed'),
      ),
    ),
    ...when(
      minReplicas === 0 && !(metrics ?? []).some(({ type }) => type === 'Object' || type === 'External'),
      forbiddenField(
        'spec.metrics',
        'must specify at least one Object or External metric to support scaling to zero replicas',
      ),
    ),
    ...validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ]
}

/** What is wrong with a status. */
export function validateHpaStatus({ currentReplicas, desiredReplicas }: HorizontalPodAutoscaler['status']): Causes {
  return [
    ...nonNegative('status.currentReplicas', currentReplicas),
    ...nonNegative('status.desiredReplicas', desiredReplicas),
  ]
}

function validateReference(ref: Reference, field: string, version: 'withGroup' | 'wellFormed' | 'any'): Causes {
  const segment = (key: 'kind' | 'name') =>
    ref[key] === ''
      ? [required(`${field}.${key}`)]
      : invalidValues(`${field}.${key}`, ref[key], isPathSegmentName(ref[key]))
  const error = version === 'any' ? undefined : versionError(ref, version === 'wellFormed')
  return [
    ...segment('kind'),
    ...segment('name'),
    ...when(error !== undefined, () => invalidValue(`${field}.apiVersion`, ref.apiVersion ?? '', error ?? '')),
  ]
}

/** Targets of the core group cannot be scaled but for the replication controller, which few use. */
function versionError({ apiVersion = '', kind }: Reference, coreIsFine: boolean): string | undefined {
  if (apiVersion.split('/').length > 2) return `unexpected GroupVersion string: ${apiVersion}`
  const isCore = !apiVersion.includes('/') || apiVersion.startsWith('/')
  const isController = kind === 'ReplicationController'
  return isCore && !coreIsFine && !isController ? 'apiVersion must specify API group' : undefined
}

function validateRules(rules: HPAScalingRules | undefined, field: string): Causes {
  if (rules === undefined) return []
  const { stabilizationWindowSeconds: window = 0, selectPolicy, policies = [], tolerance } = rules
  const windowField = `${field}.stabilizationWindowSeconds`
  return [
    ...when(window < 0, invalidValue(windowField, window, 'must be greater than or equal to zero')),
    ...when(
      window > maxWindowSeconds,
      invalidValue(windowField, window, `must be less than or equal to ${maxWindowSeconds}`),
    ),
    ...(selectPolicy === undefined ? [] : oneOf(`${field}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min'])),
    ...when(policies.length === 0, required(`${field}.policies`, 'must specify at least one Policy')),
    ...each(`${field}.policies`, policies, validatePolicy),
    ...when(tolerance !== undefined && quantityOf(tolerance).nano < 0n, () =>
      invalidValue(`${field}.tolerance`, tolerance, 'must be greater than or equal to 0'),
    ),
  ]
}

type Policy = NonNullable<HPAScalingRules['policies']>[number]

function validatePolicy({ type, value, periodSeconds }: Policy, field: string): Causes {
  const words = 'must be greater than zero'
  return [
    ...when(!['Percent', 'Pods'].includes(type), () => notSupported(`${field}.type`, type, ['Percent', 'Pods'])),
    ...when(value <= 0, invalidValue(`${field}.value`, value, words)),
    ...when(periodSeconds <= 0, invalidValue(`${field}.periodSeconds`, periodSeconds, words)),
    ...when(
      periodSeconds > maxPeriodSeconds,
      invalidValue(`${field}.periodSeconds`, periodSeconds, `must be less than or equal to ${maxPeriodSeconds}`),
    ),
  ]
}
