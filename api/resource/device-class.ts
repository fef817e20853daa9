import { factsOf } from '../facts/resources.ts'
import { defineResource } from '../resource.ts'
import type { DeviceClass } from './v1.ts'

/** DeviceClass. */
export const deviceClasses = defineResource<DeviceClass>({
  facts: factsOf('resource.k8s.io', 'deviceclasses'),
  definition: 'resource.v1.DeviceClass',
})
