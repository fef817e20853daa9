import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { ValidatingWebhookConfiguration } from './v1.ts'

/** ValidatingWebhookConfiguration. */
export const validatingWebhookConfigurations = defineResource<ValidatingWebhookConfiguration>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingwebhookconfigurations'),
  definition: 'admissionregistration.v1.ValidatingWebhookConfiguration',
})
