import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { RuntimeClass } from './v1.ts'

/** RuntimeClass. */
export const runtimeClasses = defineResource<RuntimeClass>({
  facts: factsOf('node.k8s.io', 'runtimeclasses'),
  definition: 'node.v1.RuntimeClass',
  hasGeneration: false,
})
