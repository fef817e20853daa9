import { expect, test } from 'vitest'
import { createCauses, decoded, resourceOf } from '../../test/fixtures/api-object.ts'

const clusterRoles = resourceOf('ClusterRole.rbac.authorization.k8s.io')
const aggregate = (selector: string) => `{ aggregationRule: { clusterRoleSelectors: [${selector}] }, rules: [] }`

test('ClusterRole tells of a wrong selector in detail and in sum', () => {
  expect(createCauses(clusterRoles, aggregate('{ matchExpressions: [{ key: a, operator: Foo }] }'))).toEqual([
    'aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Foo": not a valid selector operator',
    'aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.',
  ])
  expect(createCauses(clusterRoles, aggregate('{}'))).toEqual([])
})

test("RoleBinding leaves an account's namespace open, which is then the binding's own", () => {
  const binding = '{ roleRef: { kind: Role, name: r }, subjects: [{ kind: ServiceAccount, name: s }] }'
  expect(decoded(resourceOf('RoleBinding.rbac.authorization.k8s.io'), binding)).toHaveProperty('subjects', [
    { kind: 'ServiceAccount', name: 's' },
  ])
})
