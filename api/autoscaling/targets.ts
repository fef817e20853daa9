/** `cpu: 12%/80%`, for each metric of an autoscaler. Source: `formatHPAMetrics`. */
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from './v2.ts'

const shown = 2

/** Current against wanted values, at most two. */
export function formatTargets(specs: readonly MetricSpec[], statuses: readonly MetricStatus[]): string {
  if (specs.length === 0) return '<none>'
  const all = specs.map((spec, index) => formatMetric(spec, statuses[index]))
  const list = all.slice(0, shown).join(', ')
  return all.length > shown ? `${list} + ${all.length - shown} more...` : list
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  switch (spec.type) {
    case 'Resource':
      return `${spec.resource?.name ?? ''}: ${ofPods(spec.resource?.target, status?.resource?.current)}`
    case 'ContainerResource':
      return `${spec.containerResource?.name ?? ''}: ${ofPods(spec.containerResource?.target, status?.containerResource?.current)}`
    case 'Pods':
      return `${status?.pods?.current.averageValue ?? '<unknown>'}/${spec.pods?.target.averageValue ?? ''}`
    case 'Object':
      return ofWhole(spec.object?.target, status?.object?.current)
    case 'External':
      return ofWhole(spec.external?.target, status?.external?.current)
    default:
      return '<unknown type>'
  }
}

function ofPods(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${current?.averageValue ?? '<unknown>'}/${target.averageValue}`
  const used = current?.averageUtilization
  const wanted = target?.averageUtilization
  return `${used === undefined ? '<unknown>' : `${used}%`}/${wanted === undefined ? '<auto>' : `${wanted}%`}`
}

function ofWhole(target: MetricTarget | undefined, current: MetricValueStatus | undefined): string {
  return target?.averageValue !== undefined
    ? `${current?.averageValue ?? '<unknown>'}/${target.averageValue} (avg)`
    : `${current?.value ?? '<unknown>'}/${target?.value ?? ''}`
}
