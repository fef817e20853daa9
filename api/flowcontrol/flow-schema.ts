/** FlowSchema: which requests share a priority level. Source: pkg/apis/flowcontrol, `printFlowSchema`. */
import { findCondition } from '../../apimachinery/conditions.ts'
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, oneOf, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { FlowSchema, PolicyRulesWithSubjects } from './v1.ts'

const defaultPrecedence = 1000
const maxPrecedence = 10000

export const flowSchemas = defineResource<FlowSchema>({
  facts: factsOf('flowcontrol.apiserver.k8s.io', 'flowschemas'),
  definition: 'flowcontrol.v1.FlowSchema',
  validateName: subdomainName,
  defaults: (schema) => ({
    ...schema,
    spec: { ...schema.spec, matchingPrecedence: schema.spec.matchingPrecedence || defaultPrecedence },
  }),
  validate: validateSchema,
  validateUpdate: validateSchema,
  columns: [
    nameColumn,
    text('PriorityLevel', ({ spec }) => spec.priorityLevelConfiguration.name),
    integer('MatchingPrecedence', ({ spec }) => spec.matchingPrecedence),
    text('DistinguisherMethod', ({ spec }) => spec.distinguisherMethod?.type ?? '<none>'),
    ageColumn,
    text('MissingPL', ({ status }) => findCondition(dangling(status), 'Dangling')?.status ?? '?'),
  ],
})

function dangling(status: FlowSchema['status']) {
  return (status?.conditions ?? []).map(({ type = '', status: value = '' }) => ({ type, status: value }))
}

function validateSchema({ metadata, spec }: FlowSchema): Causes {
  const { matchingPrecedence: precedence, distinguisherMethod, rules } = spec
  return [
    ...when(precedence <= 0, invalidValue('spec.matchingPrecedence', precedence, 'must be a positive value')),
    ...when(
      precedence > maxPrecedence,
      invalidValue('spec.matchingPrecedence', precedence, `must not be greater than ${maxPrecedence}`),
    ),
    ...when(
      precedence === 1 && metadata.name !== 'exempt',
      invalidValue(
        'spec.matchingPrecedence',
        precedence,
        "only the schema named 'exempt' may have matchingPrecedence 1",
      ),
    ),
    ...(distinguisherMethod === undefined
      ? []
      : oneOf('spec.distinguisherMethod', distinguisherMethod.type, ['ByNamespace', 'ByUser'])),
    ...when(
      spec.priorityLevelConfiguration.name === '',
      required('spec.priorityLevelConfiguration.name', 'must reference a priority level'),
    ),
    ...each('spec.rules', rules, validateRule),
  ]
}

function validateRule(
  { subjects = [], resourceRules = [], nonResourceRules = [] }: PolicyRulesWithSubjects,
  field: string,
): Causes {
  return [
    ...when(subjects.length === 0, required(`${field}.subjects`, 'subjects must contain at least one value')),
    ...each(`${field}.subjects`, subjects, ({ kind }, path) =>
      oneOf(`${path}.kind`, kind, ['Group', 'ServiceAccount', 'User']),
    ),
    ...when(
      resourceRules.length === 0 && nonResourceRules.length === 0,
      required(field, 'at least one of resourceRules and nonResourceRules has to be non-empty'),
    ),
    ...each(`${field}.resourceRules`, resourceRules, (rule, path) => [
      ...when((rule.verbs ?? []).length === 0, required(`${path}.verbs`)),
      ...when((rule.apiGroups ?? []).length === 0, required(`${path}.apiGroups`)),
      ...when((rule.resources ?? []).length === 0, required(`${path}.resources`)),
      ...when(
        (rule.namespaces ?? []).length === 0 && rule.clusterScope !== true,
        required(`${path}.namespaces`, 'resource rules that are not cluster scoped must supply at least one namespace'),
      ),
    ]),
    ...each(`${field}.nonResourceRules`, nonResourceRules, (rule, path) => [
      ...when((rule.verbs ?? []).length === 0, required(`${path}.verbs`)),
      ...when((rule.nonResourceURLs ?? []).length === 0, required(`${path}.nonResourceURLs`)),
    ]),
  ]
}
