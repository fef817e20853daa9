import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Secret } from './v1.ts'

/** Secret. */
export const secrets = defineResource<Secret>({
  facts: factsOf('', 'secrets'),
  definition: 'core.v1.Secret',
  hasGeneration: false,
})
