import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Service } from './v1.ts'

/** Service. */
export const services = defineResource<Service>({
  facts: factsOf('', 'services'),
  definition: 'core.v1.Service',
  hasGeneration: false,
})
