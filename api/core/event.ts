import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Event } from './v1.ts'

/** Event. */
export const events = defineResource<Event>({
  facts: factsOf('', 'events'),
  definition: 'core.v1.Event',
  hasGeneration: false,
})
