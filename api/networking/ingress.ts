import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Ingress } from './v1.ts'

/** Ingress. */
export const ingresses = defineResource<Ingress>({
  facts: factsOf('networking.k8s.io', 'ingresses'),
  definition: 'networking.v1.Ingress',
})
