import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { StorageClass } from './v1.ts'

/** StorageClass. */
export const storageClasses = defineResource<StorageClass>({
  facts: factsOf('storage.k8s.io', 'storageclasses'),
  definition: 'storage.v1.StorageClass',
  hasGeneration: false,
})
