import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { CSIDriver } from './v1.ts'

/** CSIDriver. */
export const csiDrivers = defineResource<CSIDriver>({
  facts: factsOf('storage.k8s.io', 'csidrivers'),
  definition: 'storage.v1.CSIDriver',
})
