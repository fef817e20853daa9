import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { IPAddress } from './v1.ts'

/** IPAddress. */
export const ipAddresses = defineResource<IPAddress>({
  facts: factsOf('networking.k8s.io', 'ipaddresses'),
  definition: 'networking.v1.IPAddress',
  hasGeneration: false,
})
