/** StorageClass: how to make volumes. Source: pkg/apis/storage/validation, `printStorageClass`. */
import { duplicate, invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, each, immutable, invalidValues, oneOf, oneOfOrEmpty, repeats, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { byteLength, subdomainName, validateLabelKey } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { StorageClass } from './v1.ts'

const maxParameters = 512
const maxParameterBytes = 256 * 1024
const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]

export const storageClasses = defineResource<StorageClass>({
  facts: factsOf('storage.k8s.io', 'storageclasses'),
  definition: 'storage.v1.StorageClass',
  metadataRules: { update: 'whole' },
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
      ...nameColumn,
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
    ...validateProvisioner(provisioner, 'provisioner'),
    ...validateParameters(parameters),
    ...oneOfOrEmpty('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain']),
    ...(volumeBindingMode === undefined
      ? [required('volumeBindingMode')]
      : oneOf('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer'])),
    ...validateTopologies(allowedTopologies),
  ]
}

type Topology = NonNullable<StorageClass['allowedTopologies']>[number]

/** Terms, keys and values are each named once; a term that says nothing equals those that upstream counts from. */
function validateTopologies(topologies: readonly Topology[] = []): Causes {
  const asText = (term: Topology) =>
    JSON.stringify(
      Object.entries(Object.fromEntries((term.matchLabelExpressions ?? []).map(({ key, values }) => [key, values])))
        .map(([key, values]) => [key, [...values].sort()])
        .sort(),
    )
  const texts = topologies.map(asText)
  return each('allowedTopologies', topologies, (term, path, index) => {
    const field = `${path}.matchLabelExpressions`
    const expressions = term.matchLabelExpressions ?? []
    const again = new Set(repeats(expressions.map(({ key }) => key)))
    // Source: `validateAllowedTopologies`, which starts with as many empty terms as there are terms.
    const before = texts[index] === '[]' ? topologies.length : 0
    const equal = before + texts.slice(0, index).filter((text) => text === texts[index]).length
    return [
      ...each(field, expressions, (expression, at, place) => validateExpression(expression, at, again.has(place))),
      ...Array.from({ length: equal }, () => duplicate(field, '')),
    ]
  })
}

type Expression = NonNullable<Topology['matchLabelExpressions']>[number]

function validateExpression({ key, values = [] }: Expression, field: string, isRepeated: boolean): Causes {
  const again = new Set(repeats(values))
  return [
    ...when(values.length === 0, required(`${field}.values`)),
    ...each(`${field}.values`, values, (value, path, index) => when(again.has(index), duplicate(path, value))),
    ...validateLabelKey(key, `${field}.key`),
    ...when(isRepeated, duplicate(`${field}.key`, key)),
  ]
}

/** The name of who makes volumes; it is judged in lower case. */
export function validateProvisioner(provisioner: string, field: string): Causes {
  const lower = provisioner.toLowerCase()
  return provisioner === '' ? [required(field)] : invalidValues(field, lower, isQualifiedName(lower))
}

/** Source: `validateParameters`. */
export function validateParameters(parameters: Readonly<Record<string, string>>): Causes {
  const entries = Object.entries(parameters)
  if (entries.length > maxParameters) return [tooLong('parameters', maxParameters)]
  const size = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  return [
    ...when(
      entries.some(([key]) => key === ''),
      invalidValue('parameters', '', 'field can not be empty.'),
    ),
    ...when(size > maxParameterBytes, tooLong('parameters', maxParameterBytes)),
  ]
}

function validateChange(storageClass: StorageClass, old: StorageClass): Causes {
  const fixed = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const
  return fixed.flatMap((key) => immutable(key, storageClass[key], old[key]))
}
