import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { MutatingWebhookConfiguration } from './v1.ts'

/** MutatingWebhookConfiguration. */
export const mutatingWebhookConfigurations = defineResource<MutatingWebhookConfiguration>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingwebhookconfigurations'),
  definition: 'admissionregistration.v1.MutatingWebhookConfiguration',
})
