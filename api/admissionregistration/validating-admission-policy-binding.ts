/** ValidatingAdmissionPolicyBinding: where a policy holds, and what happens then. Source: pkg/apis/admissionregistration/validation. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, oneOf, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { paramRef } from './param-kind.ts'
import { defaultMatch, notEvaluated, validateMatch, validateParamRef } from './rules.ts'
import type { ValidatingAdmissionPolicyBinding } from './v1.ts'

export const validatingAdmissionPolicyBindings = defineResource<ValidatingAdmissionPolicyBinding>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingadmissionpolicybindings'),
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
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

function validateBinding({ spec }: ValidatingAdmissionPolicyBinding): Causes {
  const { policyName = '', validationActions: actions = [], matchResources } = spec
  return [
    ...when(policyName === '', required('spec.policyName')),
    notEvaluated,
    ...(spec.paramRef === undefined ? [] : validateParamRef(spec.paramRef, 'spec.paramRef')),
    ...(matchResources === undefined ? [] : validateMatch(matchResources, 'spec.matchResources')),
    ...when(actions.length === 0, required('spec.validationActions')),
    ...each('spec.validationActions', actions, (action, path) => oneOf(path, action, ['Audit', 'Deny', 'Warn'])),
    ...when(
      actions.includes('Deny') && actions.includes('Warn'),
      invalidValue(
        'spec.validationActions',
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    ),
  ]
}
