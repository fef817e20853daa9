import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ResourceQuota } from './v1.ts'

/** ResourceQuota. */
export const resourceQuotas = defineResource<ResourceQuota>({
  facts: factsOf('', 'resourcequotas'),
  definition: 'core.v1.ResourceQuota',
  hasGeneration: false,
})
