import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { RoleBinding } from './v1.ts'

/** RoleBinding. */
export const roleBindings = defineResource<RoleBinding>({
  facts: factsOf('rbac.authorization.k8s.io', 'rolebindings'),
  definition: 'rbac.v1.RoleBinding',
  hasGeneration: false,
})
