/** MutatingAdmissionPolicyBinding: where a policy holds. Source: pkg/apis/admissionregistration/validation. */
import { factsOf } from '../facts/resources.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { paramRef } from './param-kind.ts'
import { defaultBindingSpec, staticNameWarnings, validateBindingSpec } from './policies.ts'
import type { MutatingAdmissionPolicyBinding } from './v1.ts'

export const mutatingAdmissionPolicyBindings = defineResource<MutatingAdmissionPolicyBinding>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingadmissionpolicybindings'),
  definition: 'admissionregistration.v1.MutatingAdmissionPolicyBinding',
  metadataRules: { finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: ({ spec, ...binding }) => ({ ...binding, spec: defaultBindingSpec(spec) }),
  validate: ({ spec }) => validateBindingSpec(spec),
  validateUpdate: ({ spec }) => validateBindingSpec(spec),
  warnings: (binding, old) => (old === undefined ? staticNameWarnings(binding) : []),
  columns: [
    nameColumn,
    text('PolicyName', ({ spec }) => spec.policyName ?? ''),
    text('ParamRef', ({ spec }) => paramRef(spec.paramRef)),
    ageColumn,
  ],
})
