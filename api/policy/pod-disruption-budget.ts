import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { PodDisruptionBudget } from './v1.ts'

/** PodDisruptionBudget. */
export const podDisruptionBudgets = defineResource<PodDisruptionBudget>({
  facts: factsOf('policy', 'poddisruptionbudgets'),
  definition: 'policy.v1.PodDisruptionBudget',
})
