import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Event } from './v1.ts'

/** Event. */
export const events = defineResource<Event>({
  facts: factsOf('events.k8s.io', 'events'),
  definition: 'events.v1.Event',
  hasGeneration: false,
})
