/** VolumeAttributesClass: what can be changed in a volume. Source: pkg/apis/storage/validation. */
import { forbiddenField, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateParameters, validateProvisioner } from './storage-class.ts'
import type { VolumeAttributesClass } from './v1.ts'

export const volumeAttributesClasses = defineResource<VolumeAttributesClass>({
  facts: factsOf('storage.k8s.io', 'volumeattributesclasses'),
  definition: 'storage.v1.VolumeAttributesClass',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  validate: validateClass,
  validateUpdate: (object, old) => [
    ...when(object.driverName !== old.driverName, forbiddenField('driverName', 'updates to driverName are forbidden.')),
    ...when(
      !sameJson(object.parameters, old.parameters),
      forbiddenField('parameters', 'updates to parameters are forbidden.'),
    ),
    ...validateClass(object),
  ],
  columns: [nameColumn, text('DriverName', ({ driverName }) => driverName), ageColumn],
})

function validateClass({ driverName, parameters = {} }: VolumeAttributesClass): Causes {
  return [
    ...validateProvisioner(driverName, 'driverName'),
    ...validateParameters(parameters),
    ...when(Object.keys(parameters).length === 0, required('parameters', 'must contain at least one key/value pair')),
  ]
}
