import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { CSINode } from './v1.ts'

/** CSINode. */
export const csiNodes = defineResource<CSINode>({
  facts: factsOf('storage.k8s.io', 'csinodes'),
  definition: 'storage.v1.CSINode',
  hasGeneration: false,
})
