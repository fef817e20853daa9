/** MutatingAdmissionPolicyBinding: where a policy holds. Source: pkg/apis/admissionregistration/validation. */
import { required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { paramRef } from './param-kind.ts'
import { defaultMatch, notEvaluated, validateMatch, validateParamRef } from './rules.ts'
import type { MutatingAdmissionPolicyBinding } from './v1.ts'

export const mutatingAdmissionPolicyBindings = defineResource<MutatingAdmissionPolicyBinding>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingadmissionpolicybindings'),
  definition: 'admissionregistration.v1.MutatingAdmissionPolicyBinding',
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: ({ spec, ...binding }) => ({
    ...binding,
    spec: {
      ...spec,
      ...(spec.matchResources === undefined ? {} : { matchResources: defaultMatch(spec.matchResources) }),
    },
  }),
  validate: validateBinding,
  validateUpdate: validateBinding,
  columns: [
    nameColumn,
    text('PolicyName', ({ spec }) => spec.policyName ?? ''),
    text('ParamRef', ({ spec }) => paramRef(spec.paramRef)),
    ageColumn,
  ],
})

function validateBinding({ spec }: MutatingAdmissionPolicyBinding): Causes {
  const { policyName = '', matchResources } = spec
  return [
    ...when(policyName === '', required('spec.policyName')),
    notEvaluated,
    ...(spec.paramRef === undefined ? [] : validateParamRef(spec.paramRef, 'spec.paramRef')),
    ...(matchResources === undefined ? [] : validateMatch(matchResources, 'spec.matchResources')),
  ]
}
