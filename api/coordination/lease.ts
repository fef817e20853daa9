import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Lease } from './v1.ts'

/** Lease. */
export const leases = defineResource<Lease>({
  facts: factsOf('coordination.k8s.io', 'leases'),
  definition: 'coordination.v1.Lease',
  hasGeneration: false,
})
