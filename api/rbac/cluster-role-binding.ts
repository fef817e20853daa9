/** ClusterRoleBinding: who has a role everywhere. */
import { factsOf } from '../facts/resources.ts'
import { pathSegmentName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { bindingColumns, defaultBinding, validateBinding, validateRoleRefChange } from './rules.ts'
import type { ClusterRoleBinding } from './v1.ts'

export const clusterRoleBindings = defineResource<ClusterRoleBinding>({
  facts: factsOf('rbac.authorization.k8s.io', 'clusterrolebindings'),
  definition: 'rbac.v1.ClusterRoleBinding',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  allowCreateOnUpdate: true,
  validateName: pathSegmentName,
  defaults: defaultBinding,
  validate: (binding) => validateBinding(binding, ['ClusterRole'], false),
  validateUpdate: (binding, old) => [
    ...validateBinding(binding, ['ClusterRole'], false),
    ...validateRoleRefChange(binding, old),
  ],
  columns: bindingColumns,
})
