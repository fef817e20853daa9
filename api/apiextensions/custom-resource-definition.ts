import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { CustomResourceDefinition } from './v1.ts'

/** CustomResourceDefinition. */
export const customResourceDefinitions = defineResource<CustomResourceDefinition>({
  facts: factsOf('apiextensions.k8s.io', 'customresourcedefinitions'),
  definition: 'apiextensions.v1.CustomResourceDefinition',
})
