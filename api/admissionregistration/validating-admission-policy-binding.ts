/** ValidatingAdmissionPolicyBinding: where a policy holds, and what happens then. Source: pkg/apis/admissionregistration/validation. */
import { duplicate, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, oneOf, repeats, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { paramRef } from './param-kind.ts'
import { defaultBindingSpec, staticNameWarnings, validateBindingSpec } from './policies.ts'
import type { ValidatingAdmissionPolicyBinding } from './v1.ts'

export const validatingAdmissionPolicyBindings = defineResource<ValidatingAdmissionPolicyBinding>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingadmissionpolicybindings'),
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
  metadataRules: { finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: ({ spec, ...binding }) => ({ ...binding, spec: defaultBindingSpec(spec) }),
  validate: validateBinding,
  validateUpdate: validateBinding,
  warnings: (binding, old) => (old === undefined ? staticNameWarnings(binding) : []),
  columns: [
    nameColumn,
    text('PolicyName', ({ spec }) => spec.policyName ?? ''),
    text('ParamRef', ({ spec }) => paramRef(spec.paramRef)),
    ageColumn,
  ],
})

function validateBinding({ spec }: ValidatingAdmissionPolicyBinding): Causes {
  return [...validateBindingSpec(spec), ...validateActions(spec.validationActions ?? [], 'spec.validationActions')]
}

function validateActions(actions: readonly string[], field: string): Causes {
  const again = new Set(repeats(actions))
  return [
    ...each(field, actions, (action, path, index) => [
      ...oneOf(path, action, ['Audit', 'Deny', 'Warn']),
      ...when(again.has(index), duplicate(path, action)),
    ]),
    ...when(
      actions.includes('Deny') && actions.includes('Warn'),
      invalidValue(
        field,
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    ),
    ...when(actions.length === 0, required(field, 'at least one validation action is required')),
  ]
}
