/** Defaults and guards for storage and ingress: default classes, and protection of what is in use. */

import type { ObjectReader } from '../registry/reader.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'
import type { AdmissionPlugin } from './admission.ts'
import { asApiObject, isAbout, newObject, unchanged } from './request.ts'

type Classified = {
  readonly metadata: {
    readonly name: string
    readonly creationTimestamp: string
    readonly annotations?: Readonly<Record<string, string>>
  }
}

const storageClassAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
]
const ingressClassAnnotation = 'ingressclass.kubernetes.io/is-default-class'

/** DefaultStorageClass: a claim without a class gets the default one. */
export function defaultStorageClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    mutate: (request) => {
      const isCreate = request.operation === 'CREATE' && isAbout(request, kinds.persistentVolumeClaims)
      const claim = isCreate ? newObject(request, kinds.persistentVolumeClaims) : undefined
      if (claim === undefined || hasStorageClass(claim)) return unchanged(request)
      const chosen = newest(defaults(readAll(reader, kinds.storageClasses), storageClassAnnotations))
      if (chosen === undefined) return unchanged(request)
      return asApiObject({ ...claim, spec: { ...claim.spec, storageClassName: chosen.metadata.name } })
    },
  }
}

/** An empty name is a choice: no class. */
function hasStorageClass(claim: {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
  readonly spec: { readonly storageClassName?: string }
}): boolean {
  const annotated = claim.metadata.annotations?.['volume.beta.kubernetes.io/storage-class']
  return annotated !== undefined || claim.spec.storageClassName !== undefined
}

/** DefaultIngressClass: an ingress without a class gets the default one, of several the newest. */
export function defaultIngressClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    mutate: (request) => {
      if (request.operation !== 'CREATE' || request.subresource !== '') return unchanged(request)
      const { group, plural } = request.resource.facts
      if (group !== 'networking.k8s.io' || plural !== 'ingresses') return unchanged(request)
      const ingress = request.object as unknown as {
        readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
        readonly spec?: { readonly ingressClassName?: string }
      }
      if (ingress.spec?.ingressClassName !== undefined) return unchanged(request)
      if (ingress.metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined) return unchanged(request)
      const classes = defaults(readAll(reader, kinds.ingressClasses), [ingressClassAnnotation])
      const chosen = newest(classes)
      if (chosen === undefined) return unchanged(request)
      return asApiObject({ ...ingress, spec: { ...ingress.spec, ingressClassName: chosen.metadata.name } })
    },
  }
}

function defaults<T extends Classified>(classes: readonly T[], annotations: readonly string[]): readonly T[] {
  return classes.filter(({ metadata }) => annotations.some((name) => metadata.annotations?.[name] === 'true'))
}

function newest<T extends Classified>(classes: readonly T[]): T | undefined {
  return classes.toSorted(({ metadata: a }, { metadata: b }) =>
    a.creationTimestamp === b.creationTimestamp
      ? a.name.localeCompare(b.name)
      : b.creationTimestamp.localeCompare(a.creationTimestamp),
  )[0]
}

/** StorageObjectInUseProtection: volumes, claims and their classes of attributes go only when nothing uses them; controllers take the finalizer away. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  mutate: (request) => {
    if (request.operation !== 'CREATE' || request.object === undefined) return unchanged(request)
    const finalizer = isAbout(request, kinds.persistentVolumeClaims)
      ? 'kubernetes.io/pvc-protection'
      : isAbout(request, kinds.persistentVolumes)
        ? 'kubernetes.io/pv-protection'
        : isAbout(request, kinds.volumeAttributesClasses)
          ? 'kubernetes.io/vac-protection'
          : undefined
    const { object } = request
    const present = object.metadata.finalizers ?? []
    if (finalizer === undefined || present.includes(finalizer)) return object
    return { ...object, metadata: { ...object.metadata, finalizers: [...present, finalizer] } }
  },
}
