import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ResourceClaimTemplate } from './v1.ts'

/** ResourceClaimTemplate. */
export const resourceClaimTemplates = defineResource<ResourceClaimTemplate>({
  facts: factsOf('resource.k8s.io', 'resourceclaimtemplates'),
  definition: 'resource.v1.ResourceClaimTemplate',
})
