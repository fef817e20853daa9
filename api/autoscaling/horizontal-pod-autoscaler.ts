import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { HorizontalPodAutoscaler } from './v2.ts'

/** HorizontalPodAutoscaler. */
export const horizontalPodAutoscalers = defineResource<HorizontalPodAutoscaler>({
  facts: factsOf('autoscaling', 'horizontalpodautoscalers', 'v2'),
  definition: 'autoscaling.v2.HorizontalPodAutoscaler',
  hasGeneration: false,
})
