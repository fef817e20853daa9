import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ClusterRole } from './v1.ts'

/** ClusterRole. */
export const clusterRoles = defineResource<ClusterRole>({
  facts: factsOf('rbac.authorization.k8s.io', 'clusterroles'),
  definition: 'rbac.v1.ClusterRole',
  hasGeneration: false,
})
