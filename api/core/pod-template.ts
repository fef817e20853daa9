/** PodTemplate: a template that stands alone. Source: pkg/registry/core/podtemplate. */
import { factsOf } from '../facts/resources.ts'
import { containerImages, containerNames, formatLabels, nameColumn, text } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { dropDisabledFields } from './pod-disabled.ts'
import { validatePodTemplate } from './pod-spec.ts'
import { workloadWarnings } from './pod-warnings.ts'
import type { PodTemplate } from './v1.ts'

export const podTemplates = defineResource<PodTemplate>({
  facts: factsOf('', 'podtemplates'),
  definition: 'core.v1.PodTemplate',
  hasGeneration: true,
  validateName: subdomainName,
  defaults: (object) => ({ ...object, template: defaultPodTemplate(object.template) }),
  validate: ({ template }) => validatePodTemplate(template, 'template'),
  validateUpdate: ({ template }) => validatePodTemplate(template, 'template'),
  prepareForCreate: (object) => firstGeneration(withoutDisabled(object)),
  prepareForUpdate: (object, old) => bumpOnAnyChange(withoutDisabled(object, old), old),
  columns: [
    nameColumn,
    text('Containers', ({ template }) => containerNames(template)),
    text('Images', ({ template }) => containerImages(template)),
    text('Pod Labels', ({ template }) => formatLabels(template.metadata?.labels)),
  ],
  warnings: ({ template }, old) => workloadWarnings(template, old === undefined, 'template.'),
})

function withoutDisabled(object: PodTemplate, old?: PodTemplate): PodTemplate {
  const { template } = object
  return { ...object, template: { ...template, spec: dropDisabledFields(template.spec, old?.template.spec) } }
}
