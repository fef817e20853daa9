/** PodTemplate: a template that stands alone. Source: pkg/registry/core/podtemplate. */
import { factsOf } from '../facts/resources.ts'
import { containerImages, containerNames, formatLabels, nameColumn, text } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-spec.ts'
import { workloadWarnings } from './pod-warnings.ts'
import type { PodTemplate } from './v1.ts'

export const podTemplates = defineResource<PodTemplate>({
  facts: factsOf('', 'podtemplates'),
  definition: 'core.v1.PodTemplate',
  validateName: subdomainName,
  defaults: (object) => ({ ...object, template: defaultPodTemplate(object.template) }),
  validate: ({ template }) => validatePodTemplate(template, 'template'),
  validateUpdate: ({ template }) => validatePodTemplate(template, 'template'),
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
  columns: [
    nameColumn,
    text('Containers', ({ template }) => containerNames(template)),
    text('Images', ({ template }) => containerImages(template)),
    text('Pod Labels', ({ template }) => formatLabels(template.metadata?.labels)),
  ],
  warnings: ({ template }, old) => workloadWarnings(template, old === undefined, 'template.'),
})
