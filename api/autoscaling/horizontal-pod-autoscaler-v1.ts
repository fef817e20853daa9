import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { HorizontalPodAutoscaler } from './v1.ts'

/** HorizontalPodAutoscaler. */
export const horizontalPodAutoscalersV1 = defineResource<HorizontalPodAutoscaler>({
  facts: factsOf('autoscaling', 'horizontalpodautoscalers'),
  definition: 'autoscaling.v1.HorizontalPodAutoscaler',
  hasGeneration: false,
})
