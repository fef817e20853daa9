/** ResourceSlice: the devices a driver offers. Source: pkg/apis/resource/validation, `printResourceSlice`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { validateDriverName } from '../core/volumes.ts'
import { factsOf } from '../facts/resources.ts'
import { atMost, type Causes, each, immutable, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { bumpOnAnyChange, firstGeneration } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { ResourceSlice } from './v1.ts'

const maxDevices = 128

export const resourceSlices = defineResource<ResourceSlice>({
  facts: factsOf('resource.k8s.io', 'resourceslices'),
  definition: 'resource.v1.ResourceSlice',
  validateName: subdomainName,
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old) => [
    ...validateSpec(spec),
    ...immutable('spec.pool.name', spec.pool.name, old.spec.pool.name),
    ...immutable('spec.driver', spec.driver, old.spec.driver),
    ...immutable('spec.nodeName', spec.nodeName, old.spec.nodeName),
  ],
  prepareForCreate: firstGeneration,
  prepareForUpdate: bumpOnAnyChange,
  columns: [
    nameColumn,
    text('Node', ({ spec }) => spec.nodeName ?? '<unset>'),
    text('Driver', ({ spec }) => spec.driver),
    text('Pool', ({ spec }) => spec.pool.name),
    ageColumn,
  ],
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.driver': ({ spec }) => spec.driver,
  },
})

function validateSpec(spec: ResourceSlice['spec']): Causes {
  const { driver, pool, nodeName, nodeSelector, allNodes, perDeviceNodeSelection, devices } = spec
  const places = [
    nodeName !== undefined,
    nodeSelector !== undefined,
    allNodes === true,
    perDeviceNodeSelection === true,
  ]
  const count = places.filter((isGiven) => isGiven).length
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  return [
    ...(driver === '' ? [required('spec.driver')] : validateDriverName(driver, 'spec.driver')),
    ...when(pool.name === '', required('spec.pool.name')),
    ...when(count === 0, required('spec', one)),
    ...when(count > 1, invalidValue('spec', '', one)),
    ...atMost('spec.devices', devices, maxDevices),
    ...each('spec.devices', devices, ({ name }, path) => invalidValues(`${path}.name`, name, isDns1123Label(name))),
  ]
}
