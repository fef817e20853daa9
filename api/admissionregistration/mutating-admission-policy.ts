/** MutatingAdmissionPolicy: changes in CEL. Source: pkg/apis/admissionregistration/validation. */
import { required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, oneOf, when } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { paramKind } from './param-kind.ts'
import { defaultMatch, validateMatch, validateMatchConditions } from './rules.ts'
import type { MutatingAdmissionPolicy } from './v1.ts'

export const mutatingAdmissionPolicies = defineResource<MutatingAdmissionPolicy>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingadmissionpolicies'),
  definition: 'admissionregistration.v1.MutatingAdmissionPolicy',
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
    integer('Mutations', ({ spec }) => (spec.mutations ?? []).length),
    text('ParamKind', ({ spec }) => paramKind(spec.paramKind)),
    ageColumn,
  ],
})

function validatePolicy({ spec }: MutatingAdmissionPolicy): Causes {
  const { mutations = [], matchConstraints, reinvocationPolicy = '' } = spec
  return [
    ...(matchConstraints === undefined
      ? [required('spec.matchConstraints')]
      : validateMatch(matchConstraints, 'spec.matchConstraints')),
    ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions'),
    ...(reinvocationPolicy === ''
      ? [required('spec.reinvocationPolicy')]
      : oneOf('spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never'])),
    ...when(mutations.length === 0, required('spec.mutations', 'mutations must contain at least one item')),
    ...each('spec.mutations', mutations, ({ patchType, applyConfiguration, jsonPatch }, path) => [
      ...oneOf(`${path}.patchType`, patchType, ['ApplyConfiguration', 'JSONPatch']),
      ...when(
        patchType === 'ApplyConfiguration' && (applyConfiguration?.expression ?? '').trim() === '',
        required(`${path}.applyConfiguration.expression`),
      ),
      ...when(
        patchType === 'JSONPatch' && (jsonPatch?.expression ?? '').trim() === '',
        required(`${path}.jsonPatch.expression`),
      ),
    ]),
  ]
}
