/** DeviceClass: a kind of device that can be claimed. Source: pkg/apis/resource/validation. */
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { isExtendedResource } from '../core/resource-requirements.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, when } from '../meta/causes.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateSelectors } from './device-selector.ts'
import { validateConfiguration } from './field-rules.ts'
import { eachAtMost } from './lists.ts'
import type { DeviceClass } from './v1.ts'

const maxConfigurations = 32

export const deviceClasses = defineResource<DeviceClass>({
  facts: factsOf('resource.k8s.io', 'deviceclasses'),
  definition: 'resource.v1.DeviceClass',
  metadataRules: { update: 'whole' },
  validateName: subdomainName,
  validate: validateClass,
  validateUpdate: validateClass,
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
})

function validateClass({ spec: { selectors, config, extendedResourceName: name } }: DeviceClass): Causes {
  return [
    ...validateSelectors(selectors, 'spec.selectors'),
    ...eachAtMost('spec.config', config, maxConfigurations, validateConfiguration),
    ...when(name !== undefined && !isExtendedResource(name), () =>
      invalidValue('spec.extendedResourceName', name, 'must be a valid extended resource name'),
    ),
  ]
}
