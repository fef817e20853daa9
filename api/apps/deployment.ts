import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Deployment } from './v1.ts'

/** Deployment. */
export const deployments = defineResource<Deployment>({
  facts: factsOf('apps', 'deployments'),
  definition: 'apps.v1.Deployment',
})
