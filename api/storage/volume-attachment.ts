/** VolumeAttachment: a volume at a node. Source: pkg/apis/storage/validation, `printVolumeAttachment`. */
import { invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { isDns1123Subdomain } from '../../apimachinery/names.ts'
import { validateDriverName } from '../core/volumes.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, invalidValues, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text, yesNo } from '../meta/columns.ts'
import { byteLength, subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { VolumeAttachment } from './v1.ts'

const maxMetadataBytes = 256 * 1024
const maxErrorBytes = 1024

export const volumeAttachments = defineResource<VolumeAttachment>({
  facts: factsOf('storage.k8s.io', 'volumeattachments'),
  definition: 'storage.v1.VolumeAttachment',
  hasGeneration: false,
  requiresResourceVersion: true,
  validateName: subdomainName,
  validate: validateAttachment,
  validateUpdate: (attachment, old) => [
    ...validateAttachment(attachment),
    ...when(!sameJson(attachment.spec, old.spec), () =>
      invalidValue('spec', internalSpec(attachment.spec), 'field is immutable'),
    ),
  ],
  validateStatusUpdate: validateAttachment,
  columns: [
    nameColumn,
    { ...text<VolumeAttachment>('Attacher', ({ spec }) => spec.attacher), format: 'name' },
    text('PV', ({ spec }) => spec.source.persistentVolumeName ?? ''),
    text('Node', ({ spec }) => spec.nodeName),
    yesNo('Attached', ({ status }) => status?.attached),
    ageColumn,
  ],
})

function validateAttachment({ spec, status }: VolumeAttachment): Causes {
  return [...validateSpec(spec), ...validateStatus(status), ...validateVolumeName(spec)]
}

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
      name === '' && inline === undefined,
      required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'),
    ),
    ...invalidValues('spec.nodeName', nodeName, isDns1123Subdomain(nodeName)),
  ]
}

/** Upstream checks the name of the volume last, after the status. */
function validateVolumeName({ source }: VolumeAttachment['spec']): Causes {
  const { persistentVolumeName: name } = source
  return name === undefined ? [] : invalidValues('spec.source.persistentVolumeName', name, isDns1123Subdomain(name))
}

function validateStatus(status: VolumeAttachment['status'] | undefined): Causes {
  const { attachmentMetadata = {}, attachError, detachError } = status ?? {}
  const bytes = Object.entries(attachmentMetadata).reduce(
    (sum, [key, value]) => sum + byteLength(key) + byteLength(value),
    0,
  )
  return [
    ...when(bytes > maxMetadataBytes, tooLong('status.attachmentMetadata', maxMetadataBytes)),
    ...validateError(attachError, 'status.attachError'),
    ...validateError(detachError, 'status.detachError'),
  ]
}

type VolumeError = NonNullable<VolumeAttachment['status']['attachError']>

function validateError(error: VolumeError | undefined, field: string): Causes {
  const { message = '', errorCode = 0 } = error ?? {}
  return [
    // The limit that is told is that of the metadata, upstream too.
    ...when(byteLength(message) > maxErrorBytes, tooLong(`${field}.message`, maxMetadataBytes)),
    ...when(
      errorCode < 0,
      invalidValue(`${field}.errorCode`, errorCode, 'must be between 0 and 2147483647, inclusive'),
    ),
  ]
}

/** The spec as Go shows it; volumes that are written inline are shown with our names. */
function internalSpec({ attacher, source, nodeName }: VolumeAttachment['spec']): Json {
  const { persistentVolumeName = null, inlineVolumeSpec = null } = source
  return {
    Attacher: attacher,
    Source: { PersistentVolumeName: persistentVolumeName, InlineVolumeSpec: inlineVolumeSpec },
    NodeName: nodeName,
  }
}
