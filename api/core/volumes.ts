/** Rules of a pod's volumes and of how containers mount them. Source: `ValidateVolumes`, `ValidateVolumeMounts`. */
import {
  duplicate,
  fieldNotFound,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
} from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateAnnotations, validateLabels } from '../meta/validation.ts'
import { validateClaimSpec } from './claim-spec.ts'
import { descendingPath, noBacksteps } from './local-path.ts'
import { quantityOf } from './pod-resources.ts'
import { validateProjectedVolume } from './projected-volume.ts'
import type {
  Container,
  CSIVolumeSource,
  EphemeralVolumeSource,
  KeyToPath,
  Volume,
  VolumeDevice,
  VolumeMount,
} from './v1.ts'
import { validateDownwardFile, validateKeyToPath, validateMode } from './volume-files.ts'
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
  validateGitRepo,
  validateHostPath,
  validateInitiatorLength,
  validateIscsi,
  validateNfs,
  validateQuobyte,
  validateSecretRef,
  validateSources,
  validateStorageOs,
} from './volume-sources.ts'

/** The volumes that containers may mount, by name: those without a mistake. */
export type KnownVolumes = ReadonlyMap<string, Volume>

/** All volumes of a pod, and which of them can be mounted; `podName` is empty for a template. */
export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  field: string,
  podName: string,
): { readonly causes: Causes; readonly known: KnownVolumes } {
  const known = new Map<string, Volume>()
  const rules = sourceRules(podName)
  const created = new Set(
    (volumes ?? []).filter(({ ephemeral }) => ephemeral !== undefined).map(({ name }) => `${podName}-${name}`),
  )
  const causes = each(field, volumes, (volume, path) => {
    const found = [
      ...validateSources(volume, rules, path),
      ...validateName(volume, path, podName),
      ...when(known.has(volume.name), () => duplicate(`${path}.name`, volume.name)),
    ]
    if (found.length === 0) known.set(volume.name, volume)
    const claim = volume.persistentVolumeClaim?.claimName
    return [
      ...found,
      ...when(podName !== '' && claim !== undefined && created.has(claim), () =>
        invalidValue(
          `${path}.persistentVolumeClaim.claimName`,
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      ),
    ]
  })
  return { causes, known }
}

function validateName({ name, iscsi, ephemeral }: Volume, field: string, podName: string): Causes {
  const claim = `${podName}-${name}`
  return [
    ...(iscsi === undefined ? [] : validateInitiatorLength(iscsi, name, `${field}.name`, name)),
    ...(ephemeral === undefined || podName === '' || name === ''
      ? []
      : isDns1123Subdomain(claim).map((message) =>
          invalidValue(`${field}.name`, name, `PVC name "${claim}": ${message}`),
        )),
    ...(name === '' ? [required(`${field}.name`)] : invalidValues(`${field}.name`, name, isDns1123Label(name))),
  ]
}

function sourceRules(podName: string): SourceRules<Volume> {
  return [
    rule('emptyDir', ({ sizeLimit }, field) =>
      when(
        sizeLimit !== undefined && quantityOf(sizeLimit).nano < 0n,
        forbiddenField(`${field}.sizeLimit`, 'SizeLimit field must be a valid resource quantity'),
      ),
    ),
    ...namedSources,
    rule('image', ({ reference = '', pullPolicy }, field) => [
      // A template's image may be filled in later.
      ...when(podName !== '' && reference === '', required(`${field}.reference`)),
      ...oneOf(`${field}.pullPolicy`, pullPolicy, ['Always', 'IfNotPresent', 'Never']),
    ]),
  ]
}

const namedSources: SourceRules<Volume> = [
  rule('hostPath', validateHostPath),
  rule('gitRepo', validateGitRepo),
  rule('gcePersistentDisk', validateGcePersistentDisk, { field: 'persistentDisk' }),
  rule('awsElasticBlockStore', validateAwsElasticBlockStore),
  rule('secret', (secret, field) => validateFiles(secret, field, 'secretName', secret.secretName)),
  rule('nfs', validateNfs),
  rule('iscsi', (iscsi, field) => validateIscsi(iscsi, field, 'pod')),
  rule('glusterfs', needs('endpoints', 'path')),
  rule('flocker', validateFlocker),
  rule('persistentVolumeClaim', needs('claimName')),
  rule('rbd', needs('monitors', 'image')),
  rule('cinder', (cinder, field) => [
    ...needs<typeof cinder>('volumeID')(cinder, field),
    ...validateSecretRef(cinder.secretRef, field, ['name']),
  ]),
  rule('cephfs', needs('monitors'), { otherField: 'cephFS' }),
  rule('quobyte', validateQuobyte),
  rule(
    'downwardAPI',
    ({ defaultMode, items = [] }, field) => [
      ...validateMode(defaultMode, `${field}.defaultMode`),
      ...items.flatMap((item) => validateDownwardFile(item, field)),
    ],
    { otherField: 'downwarAPI' },
  ),
  rule('fc', validateFc),
  rule('flexVolume', validateFlexVolume),
  rule('configMap', (configMap, field) => validateFiles(configMap, field, 'name', configMap.name)),
  rule('azureFile', needs('secretName', 'shareName')),
  rule('vsphereVolume', needs('volumePath')),
  rule('photonPersistentDisk', needs('pdID')),
  rule('portworxVolume', needs('volumeID')),
  rule('azureDisk', validateAzureDisk),
  rule('storageos', (storageos, field) => [
    ...validateStorageOs(storageos, field),
    ...validateSecretRef(storageos.secretRef, field, ['name']),
  ]),
  rule('projected', validateProjectedVolume),
  rule('scaleIO', needs('gateway', 'system', 'volumeName')),
  rule('csi', validateCsi),
  rule('ephemeral', validateEphemeral),
]

type Files = { readonly items?: readonly KeyToPath[]; readonly defaultMode?: number }

function validateFiles({ items, defaultMode }: Files, field: string, nameKey: string, name = ''): Causes {
  return [
    ...when(name === '', required(`${field}.${nameKey}`)),
    ...validateMode(defaultMode, `${field}.defaultMode`),
    ...each(`${field}.items`, items, validateKeyToPath),
  ]
}

function validateCsi({ driver, nodePublishSecretRef: ref }: CSIVolumeSource, field: string): Causes {
  const name = ref?.name ?? ''
  return [
    ...validateDriverName(driver, `${field}.driver`),
    ...when(ref !== undefined && name === '', required(`${field}.nodePublishSecretRef.name`)),
    ...(name === '' ? [] : invalidValues(`${field}.name`, name, isDns1123Subdomain(name))),
  ]
}

function validateEphemeral({ volumeClaimTemplate: template }: EphemeralVolumeSource, field: string): Causes {
  const path = `${field}.volumeClaimTemplate`
  if (template === undefined) return [required(path)]
  const { labels, annotations, ...others } = template.metadata
  return [
    ...validateLabels(labels, `${path}.metadata.labels`),
    ...validateAnnotations(annotations, `${path}.metadata.annotations`),
    ...Object.keys(others).map((key) => forbiddenField(`${path}.metadata.${key}`, 'cannot be set')),
    ...validateClaimSpec(template.spec, `${path}.spec`),
  ]
}

const maxDriverName = 63

/** Source: `ValidateCSIDriverName`. */
export function validateDriverName(name: string, field: string): Causes {
  if (name === '') return [required(field)]
  return [
    ...when(name.length > maxDriverName, tooLong(field, maxDriverName)),
    ...invalidValues(field, name, isDns1123Subdomain(name.toLowerCase())),
  ]
}

/** The mounts of one container. */
export function validateMounts(container: Container, known: KnownVolumes, field: string): Causes {
  const { volumeMounts: mounts = [], volumeDevices: devices = [] } = container
  const again = new Set(repeats(mounts.map(({ mountPath }) => mountPath)))
  const list = `${field}.volumeMounts`
  return each(list, mounts, (mount, path, index) => {
    const { name, mountPath = '', subPath = '', subPathExpr = '' } = mount
    return [
      ...when(name === '', required(`${path}.name`)),
      ...when(!known.has(name), () => fieldNotFound(`${path}.name`, name)),
      ...when(mountPath === '', required(`${path}.mountPath`)),
      ...when(again.has(index), () => invalidValue(`${path}.mountPath`, mountPath, 'must be unique')),
      ...when(
        devices.some((device) => device.name === name),
        () => invalidValue(`${path}.name`, name, 'must not already exist in volumeDevices'),
      ),
      ...when(
        devices.some((device) => device.devicePath === mountPath),
        () => invalidValue(`${path}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'),
      ),
      ...(subPath === '' ? [] : descendingPath(subPath, `${list}.subPath`)),
      ...when(subPath !== '' && subPathExpr !== '', () =>
        invalidValue(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      ),
      ...(subPathExpr === '' ? [] : descendingPath(subPathExpr, `${list}.subPathExpr`)),
      ...validatePropagation(mount, container, `${list}.mountPropagation`),
      ...validateRecursiveReadOnly(mount, `${list}.recursiveReadOnly`),
    ]
  })
}

function validatePropagation({ mountPropagation }: VolumeMount, { securityContext }: Container, field: string): Causes {
  if (mountPropagation === undefined) return []
  return [
    ...oneOf(field, mountPropagation, ['Bidirectional', 'HostToContainer', 'None']),
    ...when(
      mountPropagation === 'Bidirectional' && securityContext?.privileged !== true,
      forbiddenField(field, 'Bidirectional mount propagation is available only to privileged containers'),
    ),
  ]
}

const recursiveModes = ['Disabled', 'Enabled', 'IfPossible']

function validateRecursiveReadOnly(
  { recursiveReadOnly, readOnly, mountPropagation = 'None' }: VolumeMount,
  field: string,
): Causes {
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return []
  if (!recursiveModes.includes(recursiveReadOnly)) return oneOf(field, recursiveReadOnly, recursiveModes)
  return [
    ...when(readOnly !== true, forbiddenField(field, 'may only be specified when readOnly is true')),
    ...when(
      mountPropagation !== 'None',
      forbiddenField(field, 'may only be specified when mountPropagation is None or not specified'),
    ),
  ]
}

/** The block devices of one container. */
export function validateDevices(
  { volumeDevices: devices = [], volumeMounts: mounts = [] }: Container,
  known: KnownVolumes,
  field: string,
): Causes {
  const sameName = new Set(repeats(devices.map(({ name }, index) => name || `\u0000${index}`)))
  const samePath = new Set(repeats(devices.map(({ devicePath }) => devicePath)))
  return each(`${field}.volumeDevices`, devices, (device, path, index) => {
    const { name, devicePath } = device
    return [
      ...when(name === '', required(`${path}.name`)),
      ...when(sameName.has(index), () => invalidValue(`${path}.name`, name, 'must be unique')),
      ...validateDeviceVolume(device, known, `${path}.name`),
      ...when(devicePath === '', required(`${path}.devicePath`)),
      ...when(samePath.has(index), () => invalidValue(`${path}.devicePath`, devicePath, 'must be unique')),
      ...noBacksteps(devicePath, `${path}.devicePath`, "can not contain backsteps ('..')"),
      ...when(
        mounts.some((mount) => mount.name === name),
        () => invalidValue(`${path}.name`, name, 'must not already exist in volumeMounts'),
      ),
      ...when(
        mounts.some(({ mountPath }) => mountPath === devicePath),
        () => invalidValue(`${path}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'),
      ),
    ]
  })
}

function validateDeviceVolume({ name }: VolumeDevice, known: KnownVolumes, field: string): Causes {
  const volume = known.get(name)
  if (volume === undefined) return [fieldNotFound(field, name)]
  return when(volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined, () =>
    invalidValue(field, name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode'),
  )
}
