/** HorizontalPodAutoscaler: how many pods a workload gets. Source: pkg/apis/autoscaling/validation, `printHorizontalPodAutoscaler`. */
import { factsOf } from '../facts/resources.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { type Column, defineResource } from '../resource.ts'
import { validateHpaSpec, validateHpaStatus } from './hpa-validation.ts'
import { formatTargets } from './targets.ts'
import type { HorizontalPodAutoscaler, HPAScalingRules, MetricSpec } from './v2.ts'

type Hpa = HorizontalPodAutoscaler

export const horizontalPodAutoscalers = defineResource<Hpa>({
  facts: factsOf('autoscaling', 'horizontalpodautoscalers', 'v2'),
  definition: 'autoscaling.v2.HorizontalPodAutoscaler',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (hpa) => ({ ...hpa, spec: defaultSpec(hpa.spec) }),
  validate: ({ spec }) => validateHpaSpec(spec, undefined),
  validateUpdate: ({ spec }, old) => validateHpaSpec(spec, old.spec),
  validateStatusUpdate: ({ status }) => validateHpaStatus(status),
  columns: hpaColumns(),
})

/** The columns of both versions. */
export function hpaColumns(): readonly Column<Hpa>[] {
  return [
    nameColumn,
    text('Reference', ({ spec }) => `${spec.scaleTargetRef.kind}/${spec.scaleTargetRef.name}`),
    text('Targets', ({ spec, status }) => formatTargets(spec.metrics ?? [], status.currentMetrics ?? [])),
    text('MinPods', ({ spec }) => String(spec.minReplicas ?? '<unset>')),
    text('MaxPods', ({ spec }) => spec.maxReplicas),
    text('Replicas', ({ status }) => status.currentReplicas ?? 0),
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
