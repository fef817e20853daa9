import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { MutatingAdmissionPolicyBinding } from './v1.ts'

/** MutatingAdmissionPolicyBinding. */
export const mutatingAdmissionPolicyBindings = defineResource<MutatingAdmissionPolicyBinding>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingadmissionpolicybindings'),
  definition: 'admissionregistration.v1.MutatingAdmissionPolicyBinding',
})
