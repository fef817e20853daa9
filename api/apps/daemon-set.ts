import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { DaemonSet } from './v1.ts'

/** DaemonSet. */
export const daemonSets = defineResource<DaemonSet>({
  facts: factsOf('apps', 'daemonsets'),
  definition: 'apps.v1.DaemonSet',
})
