import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { PersistentVolumeClaim } from './v1.ts'

/** PersistentVolumeClaim. */
export const persistentVolumeClaims = defineResource<PersistentVolumeClaim>({
  facts: factsOf('', 'persistentvolumeclaims'),
  definition: 'core.v1.PersistentVolumeClaim',
  hasGeneration: false,
})
