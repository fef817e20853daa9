/** PersistentVolume: storage of the cluster. Source: `ValidatePersistentVolume`, `printPersistentVolume`. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, oneOf, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateAccessModes } from './claim-spec.ts'
import { formatAccessModes, storageClassOf } from './persistent-volume-claim.ts'
import { quantityOf } from './pod-resources.ts'
import { validateNodeSelector } from './scheduling.ts'
import { specDiff } from './spec-diff.ts'
import type { PersistentVolume, PersistentVolumeSpec } from './v1.ts'

/** What is no source of a volume. */
const plainFields = [
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]

export const persistentVolumes = defineResource<PersistentVolume>({
  facts: factsOf('', 'persistentvolumes'),
  definition: 'core.v1.PersistentVolume',
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (volume) => ({
    ...volume,
    spec: {
      ...volume.spec,
      ...(volume.spec.hostPath === undefined
        ? {}
        : { hostPath: { ...volume.spec.hostPath, type: volume.spec.hostPath.type ?? '' } }),
      persistentVolumeReclaimPolicy: volume.spec.persistentVolumeReclaimPolicy || 'Retain',
      volumeMode: volume.spec.volumeMode ?? 'Filesystem',
    },
    status: { ...volume.status, phase: volume.status?.phase || 'Pending' },
  }),
  validate: ({ spec }) => validateSpec(spec),
  validateUpdate: ({ spec }, old) => [...validateSpec(spec), ...validateChange(spec, old.spec)],
  prepareForCreate: (volume) => ({
    ...volume,
    status: { phase: 'Pending', lastPhaseTransitionTime: volume.metadata.creationTimestamp },
  }),
  prepareForStatusUpdate: keepSpec,
  columns: [
    nameColumn,
    text('Capacity', ({ spec }) => spec.capacity?.['storage'] ?? '0'),
    text('Access Modes', ({ spec }) => formatAccessModes(spec.accessModes)),
    text('Reclaim Policy', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
    text('Status', ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status.phase ?? '') : 'Terminating',
    ),
    text('Claim', ({ spec }) =>
      spec.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
    ),
    text('StorageClass', ({ metadata, spec }) => storageClassOf(metadata.annotations, spec.storageClassName)),
    text('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    text('Reason', ({ status }) => status.reason ?? ''),
    ageColumn,
    text('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>', true),
  ],
})

function sourcesOf(spec: PersistentVolumeSpec): readonly (readonly [string, unknown])[] {
  return Object.entries(spec).filter(([key, value]) => !plainFields.includes(key) && value !== undefined)
}

function validateSpec(spec: PersistentVolumeSpec): Causes {
  const { capacity = {}, accessModes = [], nodeAffinity, hostPath, local } = spec
  const [first, ...others] = sourcesOf(spec)
  const resources = Object.keys(capacity)
  const path = hostPath?.path ?? local?.path ?? '/'
  return [
    ...when(accessModes.length === 0, required('spec.accessModes')),
    ...validateAccessModes(accessModes, 'spec.accessModes'),
    ...when(resources.length === 0, required('spec.capacity')),
    ...when(resources.length > 0 && (resources.length !== 1 || resources[0] !== 'storage'), () =>
      notSupported('spec.capacity', capacity, ['storage']),
    ),
    ...when(capacity['storage'] !== undefined && quantityOf(capacity['storage']).nano <= 0n, () =>
      invalidValue('spec.capacity[storage]', capacity['storage'], 'must be greater than zero'),
    ),
    ...oneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, ['Delete', 'Recycle', 'Retain']),
    ...(nodeAffinity?.required === undefined
      ? []
      : validateNodeSelector(nodeAffinity.required, 'spec.nodeAffinity.required')),
    ...when(
      nodeAffinity !== undefined && nodeAffinity.required === undefined,
      required('spec.nodeAffinity.required', 'must specify required node constraints'),
    ),
    ...when(first === undefined, required('spec', 'must specify a volume type')),
    ...others.map(([key]) => forbiddenField(`spec.${key}`, 'may not specify more than 1 volume type')),
    ...when(path === '', required(`spec.${hostPath === undefined ? 'local' : 'hostPath'}.path`)),
    ...when(path.split('/').includes('..'), () =>
      invalidValue(`spec.${hostPath === undefined ? 'local' : 'hostPath'}.path`, path, "must not contain '..'"),
    ),
    ...when(
      local !== undefined && nodeAffinity === undefined,
      required('spec.nodeAffinity', 'Local volume requires node affinity'),
    ),
    ...when(
      path === '/' && hostPath !== undefined && spec.persistentVolumeReclaimPolicy === 'Recycle',
      forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"),
    ),
    ...(spec.volumeMode === undefined ? [] : oneOf('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem'])),
  ]
}

function validateChange(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): Causes {
  const now = Object.fromEntries(sourcesOf(spec))
  const before = Object.fromEntries(sourcesOf(old))
  return [
    ...when(!sameJson(now, before), () =>
      forbiddenField(
        'spec.persistentvolumesource',
        `spec.persistentvolumesource is immutable after creation\n${specDiff(now, before)}`,
      ),
    ),
    ...immutable('spec.volumeMode', spec.volumeMode, old.volumeMode),
    ...(old.nodeAffinity === undefined ? [] : immutable('spec.nodeAffinity', spec.nodeAffinity, old.nodeAffinity)),
  ]
}
