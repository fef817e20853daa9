/** ValidatingWebhookConfiguration: who else refuses objects on their way in. Source: pkg/apis/admissionregistration. */
import { factsOf } from '../facts/resources.ts'
import { ageColumn, integer, nameColumn } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { staticNameWarnings } from './policies.ts'
import type { ValidatingWebhookConfiguration } from './v1.ts'
import { defaultWebhook, validateWebhooks } from './webhooks.ts'

export const validatingWebhookConfigurations = defineResource<ValidatingWebhookConfiguration>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingwebhookconfigurations'),
  definition: 'admissionregistration.v1.ValidatingWebhookConfiguration',
  metadataRules: { finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: (configuration) => ({
    ...configuration,
    webhooks: (configuration.webhooks ?? []).map(defaultWebhook),
  }),
  validate: ({ webhooks }) => validateWebhooks(webhooks, undefined),
  validateUpdate: ({ webhooks }, old) => validateWebhooks(webhooks, old.webhooks ?? []),
  warnings: (configuration, old) => (old === undefined ? staticNameWarnings(configuration) : []),
  hasGeneration: true,
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
  columns: [nameColumn, integer('Webhooks', ({ webhooks }) => (webhooks ?? []).length), ageColumn],
})
