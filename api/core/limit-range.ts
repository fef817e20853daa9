import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { LimitRange } from './v1.ts'

/** LimitRange. */
export const limitRanges = defineResource<LimitRange>({
  facts: factsOf('', 'limitranges'),
  definition: 'core.v1.LimitRange',
  hasGeneration: false,
})
