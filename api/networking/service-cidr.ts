import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ServiceCIDR } from './v1.ts'

/** ServiceCIDR. */
export const serviceCIDRs = defineResource<ServiceCIDR>({
  facts: factsOf('networking.k8s.io', 'servicecidrs'),
  definition: 'networking.v1.ServiceCIDR',
})
