import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Binding } from './v1.ts'

/** Binding. */
export const bindings = defineResource<Binding>({
  facts: factsOf('', 'bindings'),
  definition: 'core.v1.Binding',
  hasGeneration: false,
})
