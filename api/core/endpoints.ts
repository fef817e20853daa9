import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Endpoints } from './v1.ts'

/** Endpoints. */
export const endpoints = defineResource<Endpoints>({
  facts: factsOf('', 'endpoints'),
  definition: 'core.v1.Endpoints',
  hasGeneration: false,
})
