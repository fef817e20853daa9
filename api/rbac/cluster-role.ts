/** ClusterRole: what may be done everywhere. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import type { LabelSelector } from '../meta/v1.ts'
import { pathSegmentName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { roleColumns, validateRules } from './rules.ts'
import type { ClusterRole } from './v1.ts'

export const clusterRoles = defineResource<ClusterRole>({
  facts: factsOf('rbac.authorization.k8s.io', 'clusterroles'),
  definition: 'rbac.v1.ClusterRole',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  allowCreateOnUpdate: true,
  validateName: pathSegmentName,
  validate: validateClusterRole,
  validateUpdate: validateClusterRole,
  columns: roleColumns,
})

function validateClusterRole({ rules, aggregationRule }: ClusterRole): Causes {
  const field = 'aggregationRule.clusterRoleSelectors'
  const selectors = aggregationRule?.clusterRoleSelectors ?? []
  return [
    ...validateRules(rules, false),
    ...when(
      aggregationRule !== undefined && selectors.length === 0,
      required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil'),
    ),
    ...each(field, selectors, validateSelector),
  ]
}

/** What is wrong is told in detail and once more in sum, as upstream reads selectors twice. */
function validateSelector(selector: LabelSelector, field: string): Causes {
  const causes = validateLabelSelector(selector, field)
  return [...causes, ...when(causes.length > 0, invalidValue(field, null, 'invalid label selector.'))]
}
