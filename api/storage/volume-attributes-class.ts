import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { VolumeAttributesClass } from './v1.ts'

/** VolumeAttributesClass. */
export const volumeAttributesClasses = defineResource<VolumeAttributesClass>({
  facts: factsOf('storage.k8s.io', 'volumeattributesclasses'),
  definition: 'storage.v1.VolumeAttributesClass',
  hasGeneration: false,
})
