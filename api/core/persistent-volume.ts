/** PersistentVolume: storage of the cluster. Source: `ValidatePersistentVolume`, `printPersistentVolume`. */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, eachEntry, immutable, invalidValues, oneOf, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { internalForm } from '../meta/internal-form.ts'
import { keepSpec } from '../meta/prepare.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { validateAccessModes } from './claim-spec.ts'
import { noBacksteps } from './local-path.ts'
import { formatAccessModes, storageClassOf } from './persistent-volume-claim.ts'
import { quantityOf } from './pod-resources.ts'
import { nodeTermWarnings } from './pod-warnings.ts'
import { validateNodeSelector } from './scheduling.ts'
import { specDiff } from './spec-diff.ts'
import type { CSIPersistentVolumeSource, PersistentVolume, PersistentVolumeSpec, SecretReference } from './v1.ts'
import {
  needs,
  rule,
  type SourceRules,
  validateAwsElasticBlockStore,
  validateAzureDisk,
  validateFc,
  validateFlexVolume,
  validateFlocker,
  validateGcePersistentDisk,
  validateHostPath,
  validateIscsi,
  validateNfs,
  validateQuobyte,
  validateSecretRef,
  validateSources,
  validateStorageOs,
} from './volume-sources.ts'
import { validateDriverName } from './volumes.ts'

export const persistentVolumes = defineResource<PersistentVolume>({
  facts: factsOf('', 'persistentvolumes'),
  definition: 'core.v1.PersistentVolume',
  metadataRules: { update: 'whole' },
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
  validate: ({ spec, metadata }) => validateSpec(spec, metadata.name),
  validateUpdate: ({ spec, metadata }, old) => [
    ...validateSpec(spec, metadata.name),
    // Upstream looks at the spec twice, and says so.
    ...validateSpec(spec, metadata.name),
    ...validateChange(spec, old.spec),
  ],
  warnings: volumeWarnings,
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

function validateSpec(spec: PersistentVolumeSpec, name: string): Causes {
  const { accessModes = [], hostPath, storageClassName = '', volumeMode, nodeAffinity } = spec
  const policy = spec.persistentVolumeReclaimPolicy
  return [
    ...when(accessModes.length === 0, required('spec.accessModes')),
    ...validateAccessModes(accessModes, 'spec.accessModes'),
    ...validateCapacity(spec),
    ...(policy === '' ? [] : oneOf('spec.persistentVolumeReclaimPolicy', policy, ['Delete', 'Recycle', 'Retain'])),
    ...(nodeAffinity === undefined
      ? []
      : nodeAffinity.required === undefined
        ? [required('spec.nodeAffinity.required', 'must specify required node constraints')]
        : validateNodeSelector(nodeAffinity.required, 'spec.nodeAffinity.required')),
    ...validateSources(spec, sourceRules(name), 'spec'),
    ...when(
      hostPath !== undefined && isRoot(hostPath.path) && policy === 'Recycle',
      forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"),
    ),
    ...(storageClassName === ''
      ? []
      : invalidValues('spec.storageClassName', storageClassName, isDns1123Subdomain(storageClassName))),
    ...(volumeMode === undefined ? [] : oneOf('spec.volumeMode', volumeMode, ['Block', 'Filesystem'])),
    ...validateAttributesClass(spec),
  ]
}

/** Exactly one amount, of storage. */
function validateCapacity({ capacity }: PersistentVolumeSpec): Causes {
  const names = Object.keys(capacity ?? {})
  return [
    ...when(names.length === 0, required('spec.capacity')),
    ...when(names.length !== 1 || names[0] !== 'storage', () =>
      notSupported('spec.capacity', capacity ?? null, ['storage']),
    ),
    ...eachEntry('spec.capacity', capacity, (text, path) => [
      ...when(quantityOf(text).nano < 0n, () =>
        invalidValue(path, Math.ceil(Number(quantityOf(text).nano) / 1e9), 'must be a valid resource quantity'),
      ),
      ...when(quantityOf(text).nano <= 0n, () => invalidValue(path, text, 'must be greater than zero')),
    ]),
  ]
}

function validateAttributesClass({ volumeAttributesClassName: name, csi }: PersistentVolumeSpec): Causes {
  if (name === undefined) return []
  const field = 'spec.volumeAttributesClassName'
  return [
    ...(name === ''
      ? [required(field, 'an empty string is disallowed')]
      : invalidValues(field, name, isDns1123Subdomain(name))),
    ...when(csi === undefined, required('spec.csi', 'has to be specified when using volumeAttributesClassName')),
  ]
}

function sourceRules(name: string): SourceRules<PersistentVolumeSpec> {
  return sources.map((one) =>
    one.type === 'iscsi' ? rule('iscsi', (iscsi, field) => validateIscsi(iscsi, field, 'persistentVolume', name)) : one,
  )
}

const sources: SourceRules<PersistentVolumeSpec> = [
  rule('hostPath', validateHostPath),
  rule('gcePersistentDisk', validateGcePersistentDisk, { field: 'persistentDisk' }),
  rule('awsElasticBlockStore', validateAwsElasticBlockStore),
  rule('glusterfs', (glusterfs, field) => [
    ...needs<typeof glusterfs>('endpoints', 'path')(glusterfs, field),
    ...validateEndpointsNamespace(glusterfs.endpointsNamespace, `${field}.endpointsNamespace`),
  ]),
  rule('flocker', validateFlocker),
  rule('nfs', validateNfs),
  rule('rbd', needs('monitors', 'image')),
  rule('quobyte', validateQuobyte),
  rule('cephfs', needs('monitors'), { otherField: 'cephFS' }),
  rule('iscsi', (iscsi, field) => validateIscsi(iscsi, field, 'persistentVolume')),
  rule('cinder', (cinder, field) => [
    ...needs<typeof cinder>('volumeID')(cinder, field),
    ...validateSecretRef(cinder.secretRef, field, ['name', 'namespace']),
  ]),
  rule('fc', validateFc),
  rule('flexVolume', validateFlexVolume, { always: true }),
  rule('azureFile', (azure, field) => [
    ...needs<typeof azure>('secretName', 'shareName')(azure, field),
    ...when(azure.secretNamespace === '', required(`${field}.secretNamespace`)),
  ]),
  rule('vsphereVolume', needs('volumePath')),
  rule('photonPersistentDisk', needs('pdID')),
  rule('portworxVolume', needs('volumeID')),
  rule('azureDisk', validateAzureDisk),
  rule('scaleIO', needs('gateway', 'system', 'volumeName')),
  rule('local', ({ path }, field, { nodeAffinity }) => [
    ...(path === '' ? [required(`${field}.path`)] : noBacksteps(path, `${field}.path`)),
    ...when(nodeAffinity === undefined, required('spec.nodeAffinity', 'Local volume requires node affinity')),
  ]),
  rule('storageos', (storageos, field) => [
    ...validateStorageOs(storageos, field),
    ...validateSecretRef(storageos.secretRef, field, ['name', 'namespace']),
  ]),
  rule('csi', validateCsi),
]

function validateEndpointsNamespace(namespace: string | undefined, field: string): Causes {
  if (namespace === undefined) return []
  return namespace === ''
    ? [invalidValue(field, namespace, 'if the endpointnamespace is set, it must be a valid namespace name')]
    : invalidValues(field, namespace, isDns1123Label(namespace))
}

function validateCsi(csi: CSIPersistentVolumeSource, field: string): Causes {
  const secrets = [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const
  return [
    ...validateDriverName(csi.driver, `${field}.driver`),
    ...when(csi.volumeHandle === '', required(`${field}.volumeHandle`)),
    ...secrets.flatMap((key) => validateSecretReference(csi[key], `${field}.${key}`)),
  ]
}

/** Source: `validatePVSecretReference`. */
function validateSecretReference(ref: SecretReference | undefined, field: string): Causes {
  if (ref === undefined) return []
  const { name = '', namespace = '' } = ref
  return [
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isDns1123Subdomain(name))),
    ...(namespace === ''
      ? [required(`${field}.namespace`)]
      : invalidValues(`${field}.namespace`, namespace, isDns1123Label(namespace))),
  ]
}

function sourcesOf(spec: PersistentVolumeSpec): Readonly<Record<string, unknown>> {
  const types: readonly string[] = sources.map(({ type }) => type)
  return Object.fromEntries(Object.entries(spec).filter(([key]) => types.includes(key)))
}

function validateChange(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): Causes {
  const now = sourcesOf(withoutNewExpandSecret(spec, old))
  const before = sourcesOf(old)
  return [
    ...when(!sameJson(now, before), () =>
      forbiddenField(
        'spec.persistentvolumesource',
        `spec.persistentvolumesource is immutable after creation\n${specDiff(sourceForm(now), sourceForm(before))}`,
      ),
    ),
    ...immutable('volumeMode', spec.volumeMode, old.volumeMode),
    ...when(old.nodeAffinity !== undefined && !sameJson(spec.nodeAffinity, old.nodeAffinity), () =>
      invalidValue(
        'nodeAffinity',
        internalForm('core.v1.VolumeNodeAffinity', spec.nodeAffinity),
        'field is immutable, except for updating from beta label to GA',
      ),
    ),
    ...when(
      old.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined,
      forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'),
    ),
  ]
}

/** Upstream has the sources as a type of their own. */
function sourceForm(sources: object): Json {
  return internalForm('core.v1.PersistentVolumeSpec', sources, 'core.v1.PersistentVolumeSource')
}

/** A secret for growing the volume may be added later. */
function withoutNewExpandSecret(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): PersistentVolumeSpec {
  if (spec.csi === undefined || old.csi === undefined || old.csi.controllerExpandSecretRef !== undefined) return spec
  const { controllerExpandSecretRef: _, ...csi } = spec.csi
  return { ...spec, csi }
}

/** Annotations and sources of the past, in upstream's order. Source: pkg/api/persistentvolume/util.go. */
const oldAnnotations = [
  ['volume.beta.kubernetes.io/storage-class', 'deprecated since v1.8; use "storageClassName" attribute instead'],
  ['volume.beta.kubernetes.io/mount-options', 'deprecated since v1.31; use "mountOptions" attribute instead'],
] as const
const oldSources = [
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+', 'storageOS'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
] as const

function volumeWarnings({ metadata, spec }: PersistentVolume): readonly string[] {
  return [
    ...oldAnnotations
      .filter(([key]) => metadata.annotations?.[key] !== undefined)
      .map(([key, message]) => `metadata.annotations[${key}]: ${message}`),
    ...(spec.persistentVolumeReclaimPolicy === 'Recycle'
      ? [
          'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
        ]
      : []),
    ...(spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      nodeTermWarnings(term, false, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`),
    ),
    ...oldSources
      .filter(([type]) => spec[type] !== undefined)
      .map(([type, message, name = type]) => `spec.${name}: ${message}`),
  ]
}

/** Whether a path leads to `/` when it is cleaned, such as `/a/..`. */
function isRoot(path: string): boolean {
  if (!path.startsWith('/')) return false
  const depth = path.split('/').reduce((deep, part) => {
    if (part === '..') return Math.max(0, deep - 1)
    return part === '' || part === '.' ? deep : deep + 1
  }, 0)
  return depth === 0
}
