/** HorizontalPodAutoscaler: how many pods a workload gets. Source: pkg/apis/autoscaling/validation, `printHorizontalPodAutoscaler`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isPathSegmentName } from '../../apimachinery/names.ts'
import { quantityOf } from '../core/pod-resources.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, inRange, invalidValues, oneOf, positive, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text } from '../meta/columns.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { subdomainName } from '../meta/validation.ts'
import { type Column, defineResource } from '../resource.ts'
import { formatTargets } from './targets.ts'
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec, MetricTarget } from './v2.ts'

type Hpa = HorizontalPodAutoscaler

const maxPeriodSeconds = 1800
const maxWindowSeconds = 3600

export const horizontalPodAutoscalers = defineResource<Hpa>({
  facts: factsOf('autoscaling', 'horizontalpodautoscalers', 'v2'),
  definition: 'autoscaling.v2.HorizontalPodAutoscaler',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (hpa) => ({ ...hpa, spec: defaultSpec(hpa.spec) }),
  validate: validateHpa,
  validateUpdate: validateHpa,
  columns: hpaColumns(),
})

/** The columns of both versions. */
export function hpaColumns(): readonly Column<Hpa>[] {
  return [
    nameColumn,
    text('Reference', ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`),
    text('Targets', ({ spec, status }) => formatTargets(spec.metrics ?? [], status.currentMetrics ?? [])),
    text('MinPods', ({ spec }) => String(spec.minReplicas ?? '<unset>')),
    integer('MaxPods', ({ spec }) => spec.maxReplicas),
    integer('Replicas', ({ status }) => status.currentReplicas ?? 0),
    ageColumn,
  ]
}

const halfACpu: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
}
const scaleUp: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
}
const scaleDown: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
}

function defaultSpec(spec: Hpa['spec']): Hpa['spec'] {
  const { behavior, metrics = [] } = spec
  return {
    ...spec,
    minReplicas: spec.minReplicas ?? 1,
    metrics: metrics.length === 0 ? [halfACpu] : metrics,
    ...(behavior === undefined
      ? {}
      : {
          behavior: {
            scaleUp: { ...scaleUp, ...behavior.scaleUp },
            scaleDown: { ...scaleDown, ...behavior.scaleDown },
          },
        }),
  }
}

function validateHpa({ spec }: Hpa): Causes {
  const { minReplicas, maxReplicas, scaleTargetRef, metrics, behavior } = spec
  return [
    ...when(
      minReplicas !== undefined && minReplicas < 1,
      invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'),
    ),
    ...when(maxReplicas < 1, invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0')),
    ...when(
      minReplicas !== undefined && maxReplicas < minReplicas,
      invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'),
    ),
    ...validateReference(scaleTargetRef, 'spec.scaleTargetRef'),
    ...each('spec.metrics', metrics, validateMetric),
    ...when(
      minReplicas === 0 && !(metrics ?? []).some(({ type }) => type === 'Object' || type === 'External'),
      forbiddenField(
        'spec.metrics',
        'must specify at least one Object or External metric to support scaling to zero replicas',
      ),
    ),
    ...(behavior?.scaleUp === undefined ? [] : validateRules(behavior.scaleUp, 'spec.behavior.scaleUp')),
    ...(behavior?.scaleDown === undefined ? [] : validateRules(behavior.scaleDown, 'spec.behavior.scaleDown')),
  ]
}

function validateReference({ kind, name }: { kind: string; name: string }, field: string): Causes {
  return [
    ...(kind === '' ? [required(`${field}.kind`)] : invalidValues(`${field}.kind`, kind, isPathSegmentName(kind))),
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isPathSegmentName(name))),
  ]
}

const sources = {
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
  External: 'external',
} as const

function validateMetric(metric: MetricSpec, field: string): Causes {
  const { type, object, pods, resource, containerResource, external } = metric
  if (type === '') return [required(`${field}.type`, 'must specify a metric source type')]
  const wanted = type in sources ? sources[type as keyof typeof sources] : undefined
  if (wanted === undefined) return oneOf(`${field}.type`, type, Object.keys(sources))
  const others = Object.values(sources).filter((key) => key !== wanted && metric[key] !== undefined)
  const selector = object?.metric.selector ?? pods?.metric.selector ?? external?.metric.selector
  const identifier = object?.metric ?? pods?.metric ?? external?.metric
  const target = metric[wanted]?.target
  return [
    ...when(
      metric[wanted] === undefined,
      required(`${field}.${wanted}`, `must populate information for the given metric source`),
    ),
    ...others.map((key) => forbiddenField(`${field}.${key}`, 'must populate the given metric source only')),
    ...when(
      (resource ?? containerResource)?.name === '',
      required(`${field}.${wanted}.name`, 'must specify a resource name'),
    ),
    ...when(containerResource?.container === '', required(`${field}.${wanted}.container`, 'must specify a container')),
    ...(object === undefined ? [] : validateReference(object.describedObject, `${field}.object.describedObject`)),
    ...(identifier === undefined
      ? []
      : identifier.name === ''
        ? [required(`${field}.${wanted}.metric.name`)]
        : invalidValues(`${field}.${wanted}.metric.name`, identifier.name, isPathSegmentName(identifier.name))),
    ...validateLabelSelector(selector, `${field}.${wanted}.metric.selector`),
    ...(target === undefined ? [] : validateTarget(target, wanted, `${field}.${wanted}.target`)),
  ]
}

function validateTarget(
  { type, averageUtilization, averageValue, value }: MetricTarget,
  source: string,
  field: string,
): Causes {
  const perPod = source === 'resource' || source === 'containerResource'
  const given = [averageUtilization, averageValue, value].filter((one) => one !== undefined).length
  return [
    ...(type === ''
      ? [required(`${field}.type`, 'must specify a metric target type')]
      : when(
          !['Utilization', 'Value', 'AverageValue'].includes(type),
          invalidValue(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'),
        )),
    ...(averageUtilization === undefined ? [] : positive(`${field}.averageUtilization`, averageUtilization)),
    ...when(
      averageValue !== undefined && quantityOf(averageValue).nano <= 0n,
      invalidValue(`${field}.averageValue`, averageValue, 'must be positive'),
    ),
    ...when(
      value !== undefined && quantityOf(value).nano <= 0n,
      invalidValue(`${field}.value`, value, 'must be positive'),
    ),
    ...when(
      perPod && averageUtilization === undefined && averageValue === undefined,
      required(`${field}.averageUtilization`, 'must set either a target raw value or a target utilization'),
    ),
    ...when(
      perPod && averageUtilization !== undefined && averageValue !== undefined,
      forbiddenField(`${field}.averageValue`, 'may not set both a target raw value and a target utilization'),
    ),
    ...when(
      source === 'pods' && averageValue === undefined,
      required(`${field}.averageValue`, 'must specify a positive target averageValue'),
    ),
    ...when(
      (source === 'object' || source === 'external') && given === 0,
      required(field, `must set either a target value for metric or a per-pod target`),
    ),
  ]
}

function validateRules(
  { stabilizationWindowSeconds: window, selectPolicy, policies = [] }: HPAScalingRules,
  field: string,
): Causes {
  return [
    ...(window === undefined ? [] : inRange(`${field}.stabilizationWindowSeconds`, window, 0, maxWindowSeconds)),
    ...(selectPolicy === undefined ? [] : oneOf(`${field}.selectPolicy`, selectPolicy, ['Disabled', 'Max', 'Min'])),
    ...when(policies.length === 0, required(`${field}.policies`, 'must specify at least one Policy')),
    ...each(`${field}.policies`, policies, (policy, path) => [
      ...oneOf(`${path}.type`, policy.type, ['Percent', 'Pods']),
      ...positive(`${path}.value`, policy.value),
      ...positive(`${path}.periodSeconds`, policy.periodSeconds),
      ...when(
        policy.periodSeconds > maxPeriodSeconds,
        invalidValue(
          `${path}.periodSeconds`,
          policy.periodSeconds,
          `must be less than or equal to ${maxPeriodSeconds}`,
        ),
      ),
    ]),
  ]
}
