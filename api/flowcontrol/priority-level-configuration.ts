import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { PriorityLevelConfiguration } from './v1.ts'

/** PriorityLevelConfiguration. */
export const priorityLevelConfigurations = defineResource<PriorityLevelConfiguration>({
  facts: factsOf('flowcontrol.apiserver.k8s.io', 'prioritylevelconfigurations'),
  definition: 'flowcontrol.v1.PriorityLevelConfiguration',
})
