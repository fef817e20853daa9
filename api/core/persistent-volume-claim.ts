/** PersistentVolumeClaim: a wish for storage. Source: `ValidatePersistentVolumeClaimUpdate`, `printPersistentVolumeClaim`. */
import { forbiddenField } from '../../apimachinery/field-errors.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { internalForm } from '../meta/internal-form.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateClaimSpec } from './claim-spec.ts'
import { claimWarnings } from './claim-warnings.ts'
import { quantityOf } from './pod-resources.ts'
import { specDiff } from './spec-diff.ts'
import type { PersistentVolumeClaim } from './v1.ts'
import { defaultClaimSpec, mirrorDataSource } from './volume-defaults.ts'

export const persistentVolumeClaims = defineResource<PersistentVolumeClaim>({
  facts: factsOf('', 'persistentvolumeclaims'),
  definition: 'core.v1.PersistentVolumeClaim',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (claim) => ({
    ...claim,
    spec: defaultClaimSpec(claim.spec),
    status: { ...claim.status, phase: claim.status?.phase || 'Pending' },
  }),
  validate: ({ spec }) => validateClaimSpec(spec, 'spec'),
  validateUpdate: (claim, old) => [...validateClaimSpec(claim.spec, 'spec'), ...validateChange(claim, old)],
  warnings: claimWarnings,
  prepareForCreate: (claim) => ({ ...claim, spec: mirrorDataSource(claim.spec), status: { phase: 'Pending' } }),
  prepareForUpdate: (claim, old) => ({ ...claim, spec: mirrorDataSource(claim.spec), status: old.status }),
  prepareForStatusUpdate: keepSpec,
  columns: [
    nameColumn,
    text('Status', ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status.phase ?? '') : 'Terminating',
    ),
    text('Volume', ({ spec }) => spec.volumeName ?? ''),
    text('Capacity', ({ spec, status }) =>
      (spec.volumeName ?? '') === '' ? '' : (status.capacity?.['storage'] ?? '0'),
    ),
    text('Access Modes', ({ spec, status }) =>
      (spec.volumeName ?? '') === '' ? '' : formatAccessModes(status.accessModes),
    ),
    text('StorageClass', ({ metadata, spec }) => storageClassOf(metadata.annotations, spec.storageClassName)),
    text('VolumeAttributesClass', ({ spec }) => spec.volumeAttributesClassName ?? '<unset>'),
    ageColumn,
    text('VolumeMode', ({ spec }) => spec.volumeMode ?? '<unset>', true),
  ],
})

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
}

/** `RWO,ROX`, always in this order. Source: `GetAccessModesAsString`. */
export function formatAccessModes(modes: readonly string[] | undefined): string {
  return Object.entries(shortModes)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',')
}

/** The class, once an annotation. */
export function storageClassOf(annotations: Readonly<Record<string, string>> | undefined, name = ''): string {
  return annotations?.['volume.beta.kubernetes.io/storage-class'] ?? name
}

const shown = (spec: object) => internalForm('core.v1.PersistentVolumeClaimSpec', spec)

function validateChange(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): Causes {
  const now = withMutableOf(claim, old)
  const hasVolume = (old.spec.volumeName ?? '') !== ''
  const before = hasVolume ? old.spec : { ...old.spec, volumeName: claim.spec.volumeName }
  const size = quantityOf(claim.spec.resources?.requests?.['storage'])
  const statusSize = old.status.capacity?.['storage']
  const oldSize = quantityOf(old.spec.resources?.requests?.['storage'])
  const shrinks = compareQuantities(size, oldSize) < 0
  return [
    ...when(!sameJson(now, before), () =>
      forbiddenField(
        'spec',
        `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${specDiff(shown(now), shown(before))}`,
      ),
    ),
    ...when(
      shrinks && compareQuantities(size, quantityOf(statusSize)) <= 0,
      forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'),
    ),
    ...immutable('volumeMode', claim.spec.volumeMode, old.spec.volumeMode),
  ]
}

/** The new spec with everything put back that may change: a class is given where there was none, bound claims may grow. */
function withMutableOf({ spec, status }: PersistentVolumeClaim, old: PersistentVolumeClaim): object {
  const isBound = status.phase === 'Bound'
  const mayTakeClass = old.spec.storageClassName === undefined && old.status.phase !== 'Bound'
  const { requests } = spec.resources ?? {}
  const storage = old.spec.resources?.requests?.['storage']
  return {
    ...spec,
    ...(mayTakeClass ? { storageClassName: undefined } : {}),
    ...(isBound ? { volumeAttributesClassName: old.spec.volumeAttributesClassName } : {}),
    ...(isBound && requests !== undefined
      ? { resources: { ...spec.resources, requests: { ...requests, storage } } }
      : {}),
  }
}
