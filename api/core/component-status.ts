import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ComponentStatus } from './v1.ts'

/** ComponentStatus. */
export const componentStatuses = defineResource<ComponentStatus>({
  facts: factsOf('', 'componentstatuses'),
  definition: 'core.v1.ComponentStatus',
  hasGeneration: false,
})
