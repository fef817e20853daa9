/** PersistentVolumeClaimResize: only bound claims of a class that allows it may grow. */

import { quantityOf } from '../../api/core/pod-resources.ts'
import type { PersistentVolumeClaim } from '../../api/core/v1.ts'
import { compareQuantities } from '../../apimachinery/quantity.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, read } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { isAbout, newObject, oldObject, refuse } from './request.ts'

/** The plugin. */
export function claimResize(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    validate: (request) => {
      if (request.operation !== 'UPDATE' || !isAbout(request, kinds.persistentVolumeClaims)) return
      const claim = newObject(request, kinds.persistentVolumeClaims)
      const old = oldObject(request, kinds.persistentVolumeClaims)
      if (claim === undefined || old === undefined || !grows(claim, old)) return
      if (old.status.phase !== 'Bound') throw refuse(request, 'Only bound persistent volume claims can be expanded')
      if (allowsExpansion(reader, old)) return
      throw refuse(
        request,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      )
    },
  }
}

function grows(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  return compareQuantities(quantityOf(sizeOf(claim)), quantityOf(sizeOf(old))) > 0
}

function sizeOf({ spec }: PersistentVolumeClaim): string {
  return spec.resources?.requests?.['storage'] ?? '0'
}

function allowsExpansion(reader: ObjectReader, { metadata, spec }: PersistentVolumeClaim): boolean {
  const name = metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? ''
  return name !== '' && read(reader, kinds.storageClasses, '', name)?.allowVolumeExpansion === true
}
