/** ValidatingAdmissionPolicy: rules in CEL. Source: pkg/apis/admissionregistration/validation. */
import { required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, oneOf, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { paramKind } from './param-kind.ts'
import { defaultMatch, validateMatch, validateMatchConditions } from './rules.ts'
import type { ValidatingAdmissionPolicy } from './v1.ts'

export const validatingAdmissionPolicies = defineResource<ValidatingAdmissionPolicy>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingadmissionpolicies'),
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicy',
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: ({ spec, ...policy }) => ({
    ...policy,
    spec: {
      ...spec,
      failurePolicy: spec.failurePolicy ?? 'Fail',
      ...(spec.matchConstraints === undefined ? {} : { matchConstraints: defaultMatch(spec.matchConstraints) }),
    },
  }),
  validate: validatePolicy,
  validateUpdate: validatePolicy,
  columns: [
    nameColumn,
    integer('Validations', ({ spec }) => (spec.validations ?? []).length),
    text('ParamKind', ({ spec }) => paramKind(spec.paramKind)),
    ageColumn,
  ],
})

function validatePolicy({ spec }: ValidatingAdmissionPolicy): Causes {
  const { validations = [], auditAnnotations = [], matchConstraints, failurePolicy } = spec
  return [
    ...(failurePolicy === undefined
      ? [required('spec.failurePolicy')]
      : oneOf('spec.failurePolicy', failurePolicy, ['Fail', 'Ignore'])),
    ...(matchConstraints === undefined
      ? [required('spec.matchConstraints')]
      : [
          ...validateMatch(matchConstraints, 'spec.matchConstraints'),
          ...when((matchConstraints.resourceRules ?? []).length === 0, required('spec.matchConstraints.resourceRules')),
        ]),
    ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions'),
    ...each('spec.variables', spec.variables, ({ name, expression }, path) => [
      ...when(name === '', required(`${path}.name`)),
      ...when(expression.trim() === '', required(`${path}.expression`, 'expression is not specified')),
    ]),
    ...when(
      validations.length === 0 && auditAnnotations.length === 0,
      required('spec.validations', 'validations or auditAnnotations must contain at least one item'),
    ),
    ...each('spec.validations', validations, ({ expression }, path) =>
      when(expression.trim() === '', required(`${path}.expression`, 'expression is not specified')),
    ),
    ...each('spec.auditAnnotations', auditAnnotations, ({ key, valueExpression }, path) => [
      ...when(key === '', required(`${path}.key`)),
      ...when(valueExpression.trim() === '', required(`${path}.valueExpression`, 'valueExpression is not specified')),
    ]),
  ]
}
