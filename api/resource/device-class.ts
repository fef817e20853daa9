/** DeviceClass: a kind of device that can be claimed. Source: pkg/apis/resource/validation. */
import { factsOf } from '../facts/resources.ts'
import type { Causes } from '../meta/causes.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateSelectors } from './device-selector.ts'
import type { DeviceClass } from './v1.ts'

export const deviceClasses = defineResource<DeviceClass>({
  facts: factsOf('resource.k8s.io', 'deviceclasses'),
  definition: 'resource.v1.DeviceClass',
  validateName: subdomainName,
  validate: validateClass,
  validateUpdate: validateClass,
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
})

function validateClass({ spec }: DeviceClass): Causes {
  return validateSelectors(spec.selectors, 'spec.selectors')
}
