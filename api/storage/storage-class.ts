/** StorageClass: how to make volumes. Source: pkg/apis/storage/validation, `printStorageClass`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, immutable, invalidValues, oneOf, sameJson, when } from '../meta/causes.ts'
import { ageColumn, text } from '../meta/columns.ts'
import { subdomainName, validateLabelKey } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { StorageClass } from './v1.ts'

const maxParameters = 512
const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]

export const storageClasses = defineResource<StorageClass>({
  facts: factsOf('storage.k8s.io', 'storageclasses'),
  definition: 'storage.v1.StorageClass',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (storageClass) => ({
    ...storageClass,
    reclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
    volumeBindingMode: storageClass.volumeBindingMode ?? 'Immediate',
  }),
  validate: validateClass,
  validateUpdate: (storageClass, old) => [...validateClass(storageClass), ...validateChange(storageClass, old)],
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      cell: ({ metadata }) => {
        const isDefault = defaultAnnotations.some((key) => metadata.annotations?.[key] === 'true')
        return isDefault ? `${metadata.name} (default)` : metadata.name
      },
    },
    text('Provisioner', ({ provisioner }) => provisioner),
    text('ReclaimPolicy', ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete'),
    text('VolumeBindingMode', ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate'),
    text('AllowVolumeExpansion', ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false),
    ageColumn,
  ],
})

function validateClass(storageClass: StorageClass): Causes {
  const { provisioner = '', parameters = {}, reclaimPolicy, volumeBindingMode, allowedTopologies } = storageClass
  return [
    ...(provisioner === ''
      ? [required('provisioner')]
      : invalidValues('provisioner', provisioner, isQualifiedName(provisioner.toLowerCase()))),
    ...validateParameters(parameters),
    ...oneOf('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']),
    ...(volumeBindingMode === undefined
      ? [required('volumeBindingMode')]
      : oneOf('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'])),
    ...each('allowedTopologies', allowedTopologies, (term, path) =>
      each(`${path}.matchLabelExpressions`, term.matchLabelExpressions, ({ key, values = [] }, expression) => [
        ...when(values.length === 0, required(`${expression}.values`)),
        ...validateLabelKey(key, `${expression}.key`),
      ]),
    ),
  ]
}

/** Source: `validateParameters`. */
export function validateParameters(parameters: Readonly<Record<string, string>>): Causes {
  const keys = Object.keys(parameters)
  return [
    ...when(keys.length > maxParameters, {
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${maxParameters} bytes`,
      field: 'Provisioner Parameters',
    }),
    ...when(keys.includes(''), invalidValue('parameters', '', 'field can not be empty.')),
  ]
}

function validateChange(storageClass: StorageClass, old: StorageClass): Causes {
  const fixed = ['parameters', 'provisioner', 'reclaimPolicy'] as const
  return [
    ...fixed.flatMap((key) =>
      when(!sameJson(storageClass[key], old[key]), forbiddenField(key, `updates to ${key} are forbidden.`)),
    ),
    ...immutable('volumeBindingMode', storageClass.volumeBindingMode, old.volumeBindingMode),
  ]
}
