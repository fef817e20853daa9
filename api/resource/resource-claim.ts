import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ResourceClaim } from './v1.ts'

/** ResourceClaim. */
export const resourceClaims = defineResource<ResourceClaim>({
  facts: factsOf('resource.k8s.io', 'resourceclaims'),
  definition: 'resource.v1.ResourceClaim',
})
