import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ServiceAccount } from './v1.ts'

/** ServiceAccount. */
export const serviceAccounts = defineResource<ServiceAccount>({
  facts: factsOf('', 'serviceaccounts'),
  definition: 'core.v1.ServiceAccount',
  hasGeneration: false,
})
