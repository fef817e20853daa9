import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { NetworkPolicy } from './v1.ts'

/** NetworkPolicy. */
export const networkPolicies = defineResource<NetworkPolicy>({
  facts: factsOf('networking.k8s.io', 'networkpolicies'),
  definition: 'networking.v1.NetworkPolicy',
})
