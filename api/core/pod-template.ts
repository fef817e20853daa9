import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { PodTemplate } from './v1.ts'

/** PodTemplate. */
export const podTemplates = defineResource<PodTemplate>({
  facts: factsOf('', 'podtemplates'),
  definition: 'core.v1.PodTemplate',
  hasGeneration: false,
})
