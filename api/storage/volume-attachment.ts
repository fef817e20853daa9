import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { VolumeAttachment } from './v1.ts'

/** VolumeAttachment. */
export const volumeAttachments = defineResource<VolumeAttachment>({
  facts: factsOf('storage.k8s.io', 'volumeattachments'),
  definition: 'storage.v1.VolumeAttachment',
  hasGeneration: false,
})
