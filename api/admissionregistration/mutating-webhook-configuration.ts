/** MutatingWebhookConfiguration: who else changes objects on their way in. Source: pkg/apis/admissionregistration. */
import { factsOf } from '../facts/resources.ts'
import { type Causes, oneOf } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { staticNameWarnings } from './policies.ts'
import type { MutatingWebhook, MutatingWebhookConfiguration } from './v1.ts'
import { defaultWebhook, validateWebhooks } from './webhooks.ts'

export const mutatingWebhookConfigurations = defineResource<MutatingWebhookConfiguration>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingwebhookconfigurations'),
  definition: 'admissionregistration.v1.MutatingWebhookConfiguration',
  metadataRules: { finalizers: 'any' },
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: (configuration) => ({
    ...configuration,
    webhooks: (configuration.webhooks ?? []).map((webhook) => ({
      ...defaultWebhook(webhook),
      reinvocationPolicy: webhook.reinvocationPolicy ?? 'Never',
    })),
  }),
  validate: ({ webhooks }) => validateWebhooks(webhooks, undefined, validateReinvocation),
  validateUpdate: ({ webhooks }, old) => validateWebhooks(webhooks, old.webhooks ?? [], validateReinvocation),
  warnings: (configuration, old) => (old === undefined ? staticNameWarnings(configuration) : []),
  hasGeneration: true,
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
  columns: [nameColumn, integer('Webhooks', ({ webhooks }) => (webhooks ?? []).length), ageColumn],
})

function validateReinvocation({ reinvocationPolicy: policy }: MutatingWebhook, field: string): Causes {
  return policy === undefined ? [] : oneOf(`${field}.reinvocationPolicy`, policy, ['IfNeeded', 'Never'])
}
