/** RoleBinding: who has a role in one namespace. */
import { factsOf } from '../facts/resources.ts'
import { pathSegmentName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { bindingColumns, defaultBinding, validateBinding, validateRoleRefChange } from './rules.ts'
import type { RoleBinding } from './v1.ts'

const kinds = ['Role', 'ClusterRole']

export const roleBindings = defineResource<RoleBinding>({
  facts: factsOf('rbac.authorization.k8s.io', 'rolebindings'),
  definition: 'rbac.v1.RoleBinding',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  allowCreateOnUpdate: true,
  validateName: pathSegmentName,
  defaults: defaultBinding,
  validate: (binding) => validateBinding(binding, kinds, true),
  validateUpdate: (binding, old) => [...validateBinding(binding, kinds, true), ...validateRoleRefChange(binding, old)],
  columns: bindingColumns,
})
