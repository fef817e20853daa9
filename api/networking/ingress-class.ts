import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { IngressClass } from './v1.ts'

/** IngressClass. */
export const ingressClasses = defineResource<IngressClass>({
  facts: factsOf('networking.k8s.io', 'ingressclasses'),
  definition: 'networking.v1.IngressClass',
})
