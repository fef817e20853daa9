import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { CSIStorageCapacity } from './v1.ts'

/** CSIStorageCapacity. */
export const csiStorageCapacities = defineResource<CSIStorageCapacity>({
  facts: factsOf('storage.k8s.io', 'csistoragecapacities'),
  definition: 'storage.v1.CSIStorageCapacity',
  hasGeneration: false,
})
