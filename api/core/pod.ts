import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Pod } from './v1.ts'

/** Pod. */
export const pods = defineResource<Pod>({
  facts: factsOf('', 'pods'),
  definition: 'core.v1.Pod',
})
