import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ReplicationController } from './v1.ts'

/** ReplicationController. */
export const replicationControllers = defineResource<ReplicationController>({
  facts: factsOf('', 'replicationcontrollers'),
  definition: 'core.v1.ReplicationController',
})
