/** Role: what may be done in one namespace. */
import { factsOf } from '../facts/resources.ts'
import { pathSegmentName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { roleColumns, validateRules } from './rules.ts'
import type { Role } from './v1.ts'

export const roles = defineResource<Role>({
  facts: factsOf('rbac.authorization.k8s.io', 'roles'),
  definition: 'rbac.v1.Role',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  allowCreateOnUpdate: true,
  validateName: pathSegmentName,
  validate: ({ rules }) => validateRules(rules, true),
  validateUpdate: ({ rules }) => validateRules(rules, true),
  columns: roleColumns,
})
