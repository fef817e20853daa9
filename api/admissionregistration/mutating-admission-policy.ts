import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { MutatingAdmissionPolicy } from './v1.ts'

/** MutatingAdmissionPolicy. */
export const mutatingAdmissionPolicies = defineResource<MutatingAdmissionPolicy>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingadmissionpolicies'),
  definition: 'admissionregistration.v1.MutatingAdmissionPolicy',
})
