import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ResourceSlice } from './v1.ts'

/** ResourceSlice. */
export const resourceSlices = defineResource<ResourceSlice>({
  facts: factsOf('resource.k8s.io', 'resourceslices'),
  definition: 'resource.v1.ResourceSlice',
})
