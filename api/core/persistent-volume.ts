import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { PersistentVolume } from './v1.ts'

/** PersistentVolume. */
export const persistentVolumes = defineResource<PersistentVolume>({
  facts: factsOf('', 'persistentvolumes'),
  definition: 'core.v1.PersistentVolume',
  hasGeneration: false,
})
