import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ValidatingAdmissionPolicyBinding } from './v1.ts'

/** ValidatingAdmissionPolicyBinding. */
export const validatingAdmissionPolicyBindings = defineResource<ValidatingAdmissionPolicyBinding>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingadmissionpolicybindings'),
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicyBinding',
})
