/** DeviceClass: a kind of device that can be claimed. Source: pkg/apis/resource/validation. */
import { required } from '../../apimachinery/field-errors.ts'
import { atMost } from '../core/pod-spec.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, when } from '../meta/causes.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { DeviceClass } from './v1.ts'

const maxSelectors = 32

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
  return [
    ...atMost('spec.selectors', spec.selectors, maxSelectors),
    ...each('spec.selectors', spec.selectors, ({ cel }, path) => when(cel === undefined, required(`${path}.cel`))),
  ]
}
