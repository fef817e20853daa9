/** Rules of a claim's spec, wherever it stands. Source: `ValidatePersistentVolumeClaimSpec`. */
import { forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, invalidValues, oneOf, sameJson, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { quantityOf } from './pod-resources.ts'
import type { PersistentVolumeClaimSpec, TypedObjectReference } from './v1.ts'

export const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod']

/** What is wrong with a claim's spec. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, field: string): Causes {
  const { storageClassName = '', volumeMode, dataSource, dataSourceRef, volumeAttributesClassName = '' } = spec
  return [
    ...when(
      (spec.accessModes ?? []).length === 0,
      required(`${field}.accessModes`, 'at least 1 access mode is required'),
    ),
    ...validateLabelSelector(spec.selector, `${field}.selector`),
    ...validateAccessModes(spec.accessModes, `${field}.accessModes`),
    ...validateStorageRequest(spec, `${field}.resources`),
    ...(storageClassName === ''
      ? []
      : invalidValues(`${field}.storageClassName`, storageClassName, isDns1123Subdomain(storageClassName))),
    ...(volumeMode === undefined ? [] : oneOf(`${field}.volumeMode`, volumeMode, ['Block', 'Filesystem'])),
    ...(dataSource === undefined ? [] : validateSource(dataSource, `${field}.dataSource`)),
    ...(dataSourceRef === undefined ? [] : validateSource(dataSourceRef, `${field}.dataSourceRef`)),
    ...when(dataSource !== undefined && dataSourceRef !== undefined && !sameJson(dataSource, dataSourceRef), () =>
      invalidValue(field, `${field}.dataSource`, 'must match dataSourceRef'),
    ),
    ...(volumeAttributesClassName === ''
      ? []
      : invalidValues(
          `${field}.volumeAttributesClassName`,
          volumeAttributesClassName,
          isDns1123Subdomain(volumeAttributesClassName),
        )),
  ]
}

/** Known modes, and the one-pod mode alone. */
export function validateAccessModes(modes: readonly string[] | undefined, field: string): Causes {
  const list = modes ?? []
  return [
    ...list.flatMap((mode) => oneOf(field, mode, accessModes)),
    ...when(
      list.includes('ReadWriteOncePod') && list.length > 1,
      forbiddenField(field, 'may not use ReadWriteOncePod with other access modes'),
    ),
  ]
}

function validateStorageRequest({ resources }: PersistentVolumeClaimSpec, field: string): Causes {
  const storage = resources?.requests?.['storage']
  if (storage === undefined) return [required(`${field}[storage]`)]
  return when(quantityOf(storage).nano <= 0n, () =>
    invalidValue(`${field}[storage]`, storage, 'must be greater than zero'),
  )
}

function validateSource({ kind, name, namespace = '', ...source }: TypedObjectReference, field: string): Causes {
  const apiGroup = source.apiGroup ?? ''
  return [
    ...when(name === '', required(`${field}.name`)),
    ...when(kind === '', required(`${field}.kind`)),
    ...when(apiGroup === '' && kind !== 'PersistentVolumeClaim', () =>
      invalidValue(field, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"),
    ),
    ...(apiGroup === '' ? [] : invalidValues(`${field}.apiGroup`, apiGroup, isDns1123Subdomain(apiGroup))),
    ...(namespace === '' ? [] : invalidValues(`${field}.namespace`, namespace, isDns1123Label(namespace))),
  ]
}
