/** ValidatingWebhookConfiguration: who else refuses objects on their way in. Source: pkg/apis/admissionregistration. */
import { factsOf } from '../facts/resources.ts'
import { type Causes, each } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultWebhook, uniqueNames, validateWebhook } from './rules.ts'
import type { ValidatingWebhookConfiguration } from './v1.ts'

export const validatingWebhookConfigurations = defineResource<ValidatingWebhookConfiguration>({
  facts: factsOf('admissionregistration.k8s.io', 'validatingwebhookconfigurations'),
  definition: 'admissionregistration.v1.ValidatingWebhookConfiguration',
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: (configuration) => ({
    ...configuration,
    webhooks: (configuration.webhooks ?? []).map(defaultWebhook),
  }),
  validate: validateConfiguration,
  validateUpdate: validateConfiguration,
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
  columns: [nameColumn, integer('Webhooks', ({ webhooks }) => (webhooks ?? []).length), ageColumn],
})

function validateConfiguration({ webhooks }: ValidatingWebhookConfiguration): Causes {
  return [
    ...each('webhooks', webhooks, (webhook, path) => [...validateWebhook(webhook, path)]),
    ...uniqueNames((webhooks ?? []).map(({ name }) => name)),
  ]
}
