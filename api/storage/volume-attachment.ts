/** VolumeAttachment: a volume at a node. Source: pkg/apis/storage/validation, `printVolumeAttachment`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { validateDriverName } from '../core/volumes.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text, yesNo } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { VolumeAttachment } from './v1.ts'

export const volumeAttachments = defineResource<VolumeAttachment>({
  facts: factsOf('storage.k8s.io', 'volumeattachments'),
  definition: 'storage.v1.VolumeAttachment',
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: subdomainName,
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old) => [...validateSpec(spec), ...immutable('spec', spec, old.spec)],
  prepareForStatusUpdate: keepSpec,
  columns: [
    nameColumn,
    text('Attacher', ({ spec }) => spec.attacher),
    text('PV', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    text('Node', ({ spec }) => spec.nodeName),
    yesNo('Attached', ({ status }) => status?.attached),
    ageColumn,
  ],
})

function validateSpec({ attacher, source, nodeName }: VolumeAttachment['spec']): Causes {
  const { inlineVolumeSpec: inline, persistentVolumeName: name } = source
  return [
    ...(attacher === '' ? [required('spec.attacher')] : validateDriverName(attacher, 'spec.attacher')),
    ...when(
      inline === undefined && name === undefined,
      required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'),
    ),
    ...when(inline !== undefined && name !== undefined, {
      reason: 'FieldValueForbidden',
      message: 'Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
      field: 'spec.source',
    }),
    ...when(
      name === '',
      invalidValue('spec.source.persistentVolumeName', name, 'must specify non empty persistentVolumeName'),
    ),
    ...invalidValues('spec.nodeName', nodeName, isDns1123Subdomain(nodeName)),
  ]
}
