import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Namespace } from './v1.ts'

/** Namespace. */
export const namespaces = defineResource<Namespace>({
  facts: factsOf('', 'namespaces'),
  definition: 'core.v1.Namespace',
  hasGeneration: false,
})
