/** PersistentVolumeClaim: a wish for storage. Source: `ValidatePersistentVolumeClaimUpdate`, `printPersistentVolumeClaim`. */
import { forbiddenField } from '../../apimachinery/field-errors.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateClaimSpec } from './claim-spec.ts'
import { claimWarnings } from './claim-warnings.ts'
import { quantityOf } from './pod-resources.ts'
import { specDiff } from './spec-diff.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from './v1.ts'
import { defaultClaimSpec, mirrorDataSource } from './volume-defaults.ts'

export const persistentVolumeClaims = defineResource<PersistentVolumeClaim>({
  facts: factsOf('', 'persistentvolumeclaims'),
  definition: 'core.v1.PersistentVolumeClaim',
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

function validateChange(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): Causes {
  const now = withoutMutable(claim.spec, claim, old)
  const before = withoutMutable(old.spec, claim, old)
  const size = quantityOf(claim.spec.resources?.requests?.['storage'])
  const statusSize = old.status.capacity?.['storage']
  const oldSize = quantityOf(old.spec.resources?.requests?.['storage'])
  const isBound = claim.status.phase === 'Bound'
  const shrinks = compareQuantities(size, oldSize) < 0
  return [
    ...when(!sameJson(now, before), () =>
      forbiddenField(
        'spec',
        `spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n${specDiff(claim.spec, old.spec)}`,
      ),
    ),
    ...when(
      shrinks && isBound && statusSize !== undefined && compareQuantities(size, quantityOf(statusSize)) <= 0,
      forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'),
    ),
  ]
}

/** Binding fills in the volume's name; a class is given to a claim that had none; bound claims may grow. */
function withoutMutable(spec: PersistentVolumeClaimSpec, claim: PersistentVolumeClaim, old: PersistentVolumeClaim) {
  const gone: string[] = []
  if ((old.spec.volumeName ?? '') === '') gone.push('volumeName')
  if (old.spec.storageClassName === undefined && old.status.phase !== 'Bound') gone.push('storageClassName')
  if (claim.status.phase === 'Bound') gone.push('resources', 'volumeAttributesClassName')
  return Object.fromEntries(Object.entries(spec).filter(([key]) => !gone.includes(key)))
}
