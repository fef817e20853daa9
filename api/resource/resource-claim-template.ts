/** ResourceClaimTemplate: claims made for each pod. Source: pkg/apis/resource/validation. */
import { forbiddenField, invalidValue } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, sameJson, when } from '../meta/causes.ts'
import { subdomainName, validateAnnotations, validateLabels } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultClaim, validateClaim } from './claim-rules.ts'
import { asGo } from './internal.ts'
import type { ResourceClaimTemplate } from './v1.ts'

export const resourceClaimTemplates = defineResource<ResourceClaimTemplate>({
  facts: factsOf('resource.k8s.io', 'resourceclaimtemplates'),
  definition: 'resource.v1.ResourceClaimTemplate',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (template) => ({ ...template, spec: { ...template.spec, spec: defaultClaim(template.spec.spec) } }),
  validate: ({ spec }) => validateTemplate(spec),
  validateUpdate: ({ spec }, old) => [
    ...validateTemplate(spec),
    ...when(!sameJson(spec, old.spec), () =>
      invalidValue('spec', { ...spec.metadata, Spec: asGo(spec.spec, 'claim') }, 'field is immutable'),
    ),
  ],
})

/** Claims get labels and annotations from the template, nothing else of its metadata. */
function validateTemplate({ metadata, spec }: ResourceClaimTemplate['spec']): Causes {
  const { labels, annotations, ...others } = metadata ?? {}
  return [
    ...validateAnnotations(annotations, 'spec.metadata.annotations'),
    ...validateLabels(labels, 'spec.metadata.labels'),
    ...Object.keys(others).map((key) => forbiddenField(`spec.metadata.${key}`, 'cannot be set')),
    ...validateClaim(spec, 'spec.spec'),
  ]
}
