import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ReplicaSet } from './v1.ts'

/** ReplicaSet. */
export const replicaSets = defineResource<ReplicaSet>({
  facts: factsOf('apps', 'replicasets'),
  definition: 'apps.v1.ReplicaSet',
})
