/** Rules of one metric of an autoscaler. Source: `validateMetricSpec` in pkg/apis/autoscaling/validation. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isPathSegmentName } from '../../apimachinery/names.ts'
import { quantityOf } from '../core/pod-resources.ts'
import { validateContainerResourceName } from '../core/resource-requirements.ts'
import { type Causes, invalidValues, when } from '../meta/causes.ts'
import type { MetricSpec, MetricTarget } from './v2.ts'

/** The sources in the order in which upstream looks at them. */
const sources = {
  Object: 'object',
  External: 'external',
  Pods: 'pods',
  Resource: 'resource',
  ContainerResource: 'containerResource',
} as const
type Source = (typeof sources)[keyof typeof sources]
type ObjectReference = NonNullable<MetricSpec['object']>['describedObject']
type ValidateReference = (object: ObjectReference, field: string) => Causes

/** What is wrong with a metric. Only the first source is looked into. */
export function validateMetric(metric: MetricSpec, field: string, validateReference: ValidateReference): Causes {
  const { type } = metric
  const wanted = type in sources ? sources[type as keyof typeof sources] : undefined
  const present = Object.values(sources).filter((key) => metric[key] !== undefined)
  const unknown = when(wanted === undefined, () => notSupported(`${field}.type`, type, Object.keys(sources).sort()))
  return [
    ...when(type === '', required(`${field}.type`, 'must specify a metric source type')),
    ...unknown,
    ...(present[0] === undefined
      ? []
      : validateSource(metric, present[0], `${field}.${present[0]}`, validateReference)),
    ...(wanted !== undefined && metric[wanted] === undefined
      ? [required(`${field}.${wanted}`, 'must populate information for the given metric source')]
      : []),
    // Upstream says it a second time.
    ...unknown,
    ...(present.length === 1 ? [] : present.filter((key) => key !== wanted)).map((key) =>
      forbiddenField(`${field}.${key}`, 'must populate the given metric source only'),
    ),
  ]
}

function validateSource(
  metric: MetricSpec,
  source: Source,
  field: string,
  validateReference: ValidateReference,
): Causes {
  const { object, external, pods, resource, containerResource } = metric
  const identifier = (object ?? external ?? pods)?.metric
  const target = metric[source]?.target
  return [
    ...(object === undefined ? [] : validateReference(object.describedObject, `${field}.describedObject`)),
    ...(identifier === undefined ? [] : validateIdentifier(identifier.name, `${field}.metric.name`)),
    ...when(
      (source === 'resource' && resource?.name === '') ||
        (source === 'containerResource' && containerResource?.name === ''),
      required(`${field}.name`, 'must specify a resource name'),
    ),
    ...(source === 'containerResource' && containerResource !== undefined && containerResource.name !== ''
      ? validateContainerResourceName(containerResource.name, `${field}.name`)
      : []),
    ...(source === 'containerResource'
      ? validateContainer(containerResource?.container ?? '', `${field}.container`)
      : []),
    ...(target === undefined
      ? []
      : [...validateTarget(target, `${field}.target`), ...combine[source](target, `${field}.target`)]),
  ]
}

function validateIdentifier(name: string, field: string): Causes {
  return name === ''
    ? [required(field, 'must specify a metric name')]
    : invalidValues(field, name, isPathSegmentName(name))
}

function validateContainer(name: string, field: string): Causes {
  return name === '' ? [required(field, 'must specify a container')] : invalidValues(field, name, isDns1123Label(name))
}

function validateTarget({ type, value, averageValue, averageUtilization }: MetricTarget, field: string): Causes {
  const positiveQuantity = (key: string, quantity: string | undefined) =>
    when(quantity !== undefined && quantityOf(quantity).nano <= 0n, () =>
      invalidValue(`${field}.${key}`, quantity, 'must be positive'),
    )
  return [
    ...when(type === '', required(`${field}.type`, 'must specify a metric target type')),
    ...when(
      !['Utilization', 'Value', 'AverageValue'].includes(type),
      invalidValue(`${field}.type`, type, 'must be either Utilization, Value, or AverageValue'),
    ),
    ...positiveQuantity('value', value),
    ...positiveQuantity('averageValue', averageValue),
    ...when(averageUtilization !== undefined && averageUtilization < 1, () =>
      invalidValue(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0'),
    ),
  ]
}

function ofResource({ averageUtilization, averageValue }: MetricTarget, field: string): Causes {
  return [
    ...when(
      averageUtilization === undefined && averageValue === undefined,
      required(`${field}.averageUtilization`, 'must set either a target raw value or a target utilization'),
    ),
    ...when(
      averageUtilization !== undefined && averageValue !== undefined,
      forbiddenField(`${field}.averageValue`, 'may not set both a target raw value and a target utilization'),
    ),
  ]
}

/** Which values of a target each source wants. */
const combine: Readonly<Record<Source, (target: MetricTarget, field: string) => Causes>> = {
  object: ({ value, averageValue }, field) =>
    when(
      value === undefined && averageValue === undefined,
      required(`${field}.averageValue`, 'must set either a target value or averageValue'),
    ),
  external: ({ value, averageValue }, field) => [
    ...when(
      value === undefined && averageValue === undefined,
      required(`${field}.averageValue`, 'must set either a target value for metric or a per-pod target'),
    ),
    ...when(
      value !== undefined && averageValue !== undefined,
      forbiddenField(`${field}.value`, 'may not set both a target value for metric and a per-pod target'),
    ),
  ],
  pods: ({ averageValue }, field) =>
    when(averageValue === undefined, required(`${field}.averageValue`, 'must specify a positive target averageValue')),
  resource: ofResource,
  containerResource: ofResource,
}
