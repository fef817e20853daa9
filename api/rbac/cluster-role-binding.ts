import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ClusterRoleBinding } from './v1.ts'

/** ClusterRoleBinding. */
export const clusterRoleBindings = defineResource<ClusterRoleBinding>({
  facts: factsOf('rbac.authorization.k8s.io', 'clusterrolebindings'),
  definition: 'rbac.v1.ClusterRoleBinding',
  hasGeneration: false,
})
