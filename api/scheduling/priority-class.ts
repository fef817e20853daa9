import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { PriorityClass } from './v1.ts'

/** PriorityClass. */
export const priorityClasses = defineResource<PriorityClass>({
  facts: factsOf('scheduling.k8s.io', 'priorityclasses'),
  definition: 'scheduling.v1.PriorityClass',
})
