import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ValidatingAdmissionPolicy } from './v1.ts'

/** ValidatingAdmissionPolicy. */
export const validatingAdmissionPolicies = defineResource<ValidatingAdmissionPolicy>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingadmissionpolicies'),
  definition: 'admissionregistration.v1.ValidatingAdmissionPolicy',
})
