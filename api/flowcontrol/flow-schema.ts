import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { FlowSchema } from './v1.ts'

/** FlowSchema. */
export const flowSchemas = defineResource<FlowSchema>({
  facts: factsOf('flowcontrol.apiserver.k8s.io', 'flowschemas'),
  definition: 'flowcontrol.v1.FlowSchema',
})
