import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { EndpointSlice } from './v1.ts'

/** EndpointSlice. */
export const endpointSlices = defineResource<EndpointSlice>({
  facts: factsOf('discovery.k8s.io', 'endpointslices'),
  definition: 'discovery.v1.EndpointSlice',
})
