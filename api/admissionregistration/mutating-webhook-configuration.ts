/** MutatingWebhookConfiguration: who else changes objects on their way in. Source: pkg/apis/admissionregistration. */
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, oneOf } from '../meta/causes.ts'
import { ageColumn, integer, nameColumn } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultWebhook, uniqueNames, validateWebhook } from './rules.ts'
import type { MutatingWebhookConfiguration } from './v1.ts'

export const mutatingWebhookConfigurations = defineResource<MutatingWebhookConfiguration>({
  facts: factsOf('admissionregistration.k8s.io', 'mutatingwebhookconfigurations'),
  definition: 'admissionregistration.v1.MutatingWebhookConfiguration',
  requiresResourceVersion: true,
  validateName: subdomainName,
  defaults: (configuration) => ({
    ...configuration,
    webhooks: (configuration.webhooks ?? []).map((webhook) => ({
      ...defaultWebhook(webhook),
      reinvocationPolicy: webhook.reinvocationPolicy ?? 'Never',
    })),
  }),
  validate: validateConfiguration,
  validateUpdate: validateConfiguration,
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
  columns: [nameColumn, integer('Webhooks', ({ webhooks }) => (webhooks ?? []).length), ageColumn],
})

function validateConfiguration({ webhooks }: MutatingWebhookConfiguration): Causes {
  return [
    ...each('webhooks', webhooks, (webhook, path) => [
      ...validateWebhook(webhook, path),
      ...(webhook.reinvocationPolicy === undefined
        ? []
        : oneOf(`${path}.reinvocationPolicy`, webhook.reinvocationPolicy, ['IfNeeded', 'Never'])),
    ]),
    ...uniqueNames((webhooks ?? []).map(({ name }) => name)),
  ]
}
