import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Node } from './v1.ts'

/** Node. */
export const nodes = defineResource<Node>({
  facts: factsOf('', 'nodes'),
  definition: 'core.v1.Node',
  hasGeneration: false,
})
