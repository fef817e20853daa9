import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { StatefulSet } from './v1.ts'

/** StatefulSet. */
export const statefulSets = defineResource<StatefulSet>({
  facts: factsOf('apps', 'statefulsets'),
  definition: 'apps.v1.StatefulSet',
})
