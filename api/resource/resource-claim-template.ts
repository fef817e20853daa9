/** ResourceClaimTemplate: claims made for each pod. Source: pkg/apis/resource/validation. */
import { factsOf } from '../facts/resources.ts'
import { immutable } from '../meta/causes.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultClaim, validateClaim } from './claim-rules.ts'
import type { ResourceClaimTemplate } from './v1.ts'

export const resourceClaimTemplates = defineResource<ResourceClaimTemplate>({
  facts: factsOf('resource.k8s.io', 'resourceclaimtemplates'),
  definition: 'resource.v1.ResourceClaimTemplate',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (template) => ({ ...template, spec: { ...template.spec, spec: defaultClaim(template.spec.spec) } }),
  validate: ({ spec }) => validateClaim(spec.spec, 'spec.spec'),
  validateUpdate: ({ spec }, old) => immutable('spec', spec, old.spec),
})
