import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { Role } from './v1.ts'

/** Role. */
export const roles = defineResource<Role>({
  facts: factsOf('rbac.authorization.k8s.io', 'roles'),
  definition: 'rbac.v1.Role',
  hasGeneration: false,
})
