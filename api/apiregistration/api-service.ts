import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { APIService } from './v1.ts'

/** APIService. */
export const apiServices = defineResource<APIService>({
  facts: factsOf('apiregistration.k8s.io', 'apiservices'),
  definition: 'apiregistration.v1.APIService',
  hasGeneration: false,
})
