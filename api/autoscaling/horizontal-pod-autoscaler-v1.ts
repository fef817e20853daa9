/**
 * HorizontalPodAutoscaler of autoscaling/v1: CPU only. Stored as v2; what v1 cannot say rides along in annotations.
 * Source: pkg/apis/autoscaling/v1/conversion.go.
 */
import { factsOf } from '../facts/resources.ts'
import { subdomainName } from '../meta/validation.ts'
import { type ApiObject, defineResource } from '../resource.ts'
import { horizontalPodAutoscalers, hpaColumns } from './horizontal-pod-autoscaler.ts'
import type { HorizontalPodAutoscaler } from './v1.ts'
import type { HorizontalPodAutoscaler as HpaV2, MetricSpec, MetricStatus } from './v2.ts'

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics'
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior'
const currentAnnotation = 'autoscaling.alpha.kubernetes.io/current-metrics'
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions'
const ours = [metricsAnnotation, behaviorAnnotation, currentAnnotation, conditionsAnnotation]
const defaultUtilization = 80

export const horizontalPodAutoscalersV1 = defineResource<HorizontalPodAutoscaler>({
  facts: factsOf('autoscaling', 'horizontalpodautoscalers'),
  definition: 'autoscaling.v1.HorizontalPodAutoscaler',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (hpa) => ({ ...hpa, spec: { ...withTarget(hpa), minReplicas: hpa.spec.minReplicas ?? 1 } }),
  validate: (hpa) => horizontalPodAutoscalers.validate?.(toV2(hpa)) ?? [],
  validateUpdate: (hpa, old) => horizontalPodAutoscalers.validateUpdate?.(toV2(hpa), toV2(old)) ?? [],
  columns: hpaColumns().map((column) => ({ ...column, cell: (hpa, nowMs) => column.cell(toV2(hpa), nowMs) })),
  storedAs: {
    facts: factsOf('autoscaling', 'horizontalpodautoscalers', 'v2'),
    definition: 'autoscaling.v2.HorizontalPodAutoscaler',
    toStored: toV2,
    // The store holds only what `toStored` or the v2 decoder made.
    fromStored: (object: ApiObject) => fromV2(object as HpaV2),
  },
})

/** Without any metric the CPU is meant, as conversion to the version of the store would have it. */
function withTarget({ metadata, spec }: HorizontalPodAutoscaler): HorizontalPodAutoscaler['spec'] {
  const others = parse<readonly MetricSpec[]>(metadata.annotations, metricsAnnotation) ?? []
  if (spec.targetCPUUtilizationPercentage !== undefined || others.length > 0) return spec
  return { ...spec, targetCPUUtilizationPercentage: defaultUtilization }
}

type Metadata = HorizontalPodAutoscaler['metadata']

function cpuMetric(averageUtilization: number): MetricSpec {
  return { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } } }
}

function isCpu(metric: MetricSpec): boolean {
  return metric.resource?.name === 'cpu' && metric.resource.target.averageUtilization !== undefined
}

function toV2(hpa: HorizontalPodAutoscaler): HpaV2 {
  const { targetCPUUtilizationPercentage: target, ...spec } = hpa.spec
  const { currentCPUUtilizationPercentage: current, ...status } = hpa.status
  const { annotations } = hpa.metadata
  const others = parse<readonly MetricSpec[]>(annotations, metricsAnnotation) ?? []
  const behavior = parse<NonNullable<HpaV2['spec']['behavior']>>(annotations, behaviorAnnotation)
  const conditions = parse<NonNullable<HpaV2['status']['conditions']>>(annotations, conditionsAnnotation)
  const cpu = target === undefined ? (others.length === 0 ? [cpuMetric(defaultUtilization)] : []) : [cpuMetric(target)]
  const now: readonly MetricStatus[] =
    current === undefined
      ? []
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }]
  const currentMetrics = [...now, ...(parse<readonly MetricStatus[]>(annotations, currentAnnotation) ?? [])]
  return {
    ...hpa,
    apiVersion: 'autoscaling/v2',
    metadata: withAnnotations(hpa.metadata, {}),
    spec: { ...spec, metrics: [...cpu, ...others], ...(behavior === undefined ? {} : { behavior }) },
    status: { ...status, currentMetrics, ...(conditions === undefined ? {} : { conditions }) },
  }
}

function fromV2(hpa: HpaV2): HorizontalPodAutoscaler {
  const { metrics = [], behavior, ...spec } = hpa.spec
  const { currentMetrics, conditions, currentReplicas = 0, ...status } = hpa.status
  const cpu = metrics.find(isCpu)
  const others = metrics.filter((metric) => metric !== cpu)
  const metricsNow = currentMetrics ?? []
  const current = metricsNow.find(({ resource }) => resource?.name === 'cpu')
  const otherStatuses = metricsNow.filter((metric) => metric !== current)
  const target = cpu?.resource?.target.averageUtilization
  const used = current?.resource?.current.averageUtilization
  return {
    ...hpa,
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(hpa.metadata, {
      ...(others.length === 0 ? {} : { [metricsAnnotation]: JSON.stringify(others) }),
      ...(behavior === undefined ? {} : { [behaviorAnnotation]: JSON.stringify(behavior) }),
      ...(otherStatuses.length === 0 ? {} : { [currentAnnotation]: JSON.stringify(otherStatuses) }),
      ...(conditions === undefined ? {} : { [conditionsAnnotation]: JSON.stringify(conditions) }),
    }),
    spec: { ...spec, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: { ...status, currentReplicas, ...(used === undefined ? {} : { currentCPUUtilizationPercentage: used }) },
  }
}

/** The annotations of others, and these. */
function withAnnotations({ annotations, ...metadata }: Metadata, added: Readonly<Record<string, string>>): Metadata {
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !ours.includes(key))
  const all = { ...Object.fromEntries(kept), ...added }
  return Object.keys(all).length === 0 ? metadata : { ...metadata, annotations: all }
}

/** What rides in an annotation; text that is no JSON counts as nothing, as upstream drops it. */
function parse<T>(annotations: Readonly<Record<string, string>> | undefined, key: string): T | undefined {
  const text = annotations?.[key]
  if (text === undefined) return undefined
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}
