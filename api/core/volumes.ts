/** Rules of a pod's volumes and of how containers mount them. Source: `ValidateVolumes`, `ValidateVolumeMounts`. */
import { duplicate, fieldNotFound, forbiddenField, invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label, isDns1123Subdomain } from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, oneOf, repeats, when } from '../meta/causes.ts'
import { validateClaimSpec } from './claim-spec.ts'
import { validateFieldRef, validateResourceFieldRef } from './env.ts'
import { quantityOf } from './pod-resources.ts'
import type {
  Container,
  DownwardAPIVolumeFile,
  KeyToPath,
  Volume,
  VolumeDevice,
  VolumeMount,
  VolumeProjection,
} from './v1.ts'

const modeMessage = 'must be a number between 0 and 0777 (octal), both inclusive'
const hostPathTypes = [
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
  '',
]

/** Fields that must not be empty, by source. Source: `validateVolumeSource` and the functions under it. */
const requiredFields: Readonly<Record<string, readonly string[]>> = {
  hostPath: ['path'],
  gitRepo: ['repository'],
  gcePersistentDisk: ['pdName'],
  awsElasticBlockStore: ['volumeID'],
  secret: ['secretName'],
  nfs: ['server', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  glusterfs: ['endpoints', 'path'],
  persistentVolumeClaim: ['claimName'],
  rbd: ['monitors', 'image'],
  cinder: ['volumeID'],
  cephfs: ['monitors'],
  configMap: ['name'],
  azureFile: ['secretName', 'shareName'],
  vsphereVolume: ['volumePath'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  storageos: ['volumeName'],
  csi: ['driver'],
  flexVolume: ['driver'],
  quobyte: ['registry', 'volume'],
  image: ['reference'],
}

/** All volumes of a pod. */
export function validateVolumes(volumes: readonly Volume[] | undefined, field: string, podName: string): Causes {
  const again = new Set(repeats((volumes ?? []).map(({ name }) => name)))
  return each(field, volumes, (volume, path, index) => [
    ...(volume.name === ''
      ? [required(`${path}.name`)]
      : invalidValues(`${path}.name`, volume.name, isDns1123Label(volume.name))),
    ...when(volume.name !== '' && again.has(index), () => duplicate(`${path}.name`, volume.name)),
    ...validateSource(volume, path, podName),
  ])
}

function validateSource(volume: Volume, field: string, podName: string): Causes {
  const { name: _, ...sources } = volume
  // Upstream looks for an emptyDir first, which decides what is one too many.
  const { emptyDir, ...rest } = sources
  const given = Object.entries({ emptyDir, ...rest }).filter(([, source]) => source !== undefined)
  const [first, ...others] = given
  if (first === undefined) return [required(field, 'must specify a volume type')]
  return [
    ...emptyFields(first[0], first[1] ?? {}, `${field}.${first[0]}`),
    ...validateDetails(volume, field, podName),
    ...others.map(([type]) => forbiddenField(`${field}.${type}`, 'may not specify more than 1 volume type')),
  ]
}

function emptyFields(type: string, source: object, field: string): Causes {
  const values = new Map<string, unknown>(Object.entries(source))
  const isMissing = (key: string) => {
    const value = values.get(key)
    return value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
  }
  return (requiredFields[type] ?? []).filter(isMissing).map((key) => required(`${field}.${key}`))
}

function validateDetails(volume: Volume, field: string, podName: string): Causes {
  const { hostPath, emptyDir, secret, configMap, downwardAPI, projected, nfs, ephemeral, image, csi } = volume
  return [
    ...(hostPath === undefined || hostPath.path === '' ? [] : noBacksteps(hostPath.path, `${field}.hostPath.path`)),
    ...(hostPath?.type === undefined ? [] : oneOf(`${field}.hostPath.type`, hostPath.type, hostPathTypes)),
    ...when(
      emptyDir?.sizeLimit !== undefined && quantityOf(emptyDir.sizeLimit).nano < 0n,
      forbiddenField(`${field}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'),
    ),
    ...(secret === undefined ? [] : validateFiles(secret, `${field}.secret`)),
    ...(configMap === undefined ? [] : validateFiles(configMap, `${field}.configMap`)),
    ...(downwardAPI === undefined
      ? []
      : [
          ...validateMode(downwardAPI.defaultMode, `${field}.downwardAPI.defaultMode`),
          ...each(`${field}.downwardAPI`, downwardAPI.items, (item) =>
            validateDownwardItem(item, `${field}.downwardAPI`),
          ),
        ]),
    ...(projected === undefined
      ? []
      : [
          ...validateMode(projected.defaultMode, `${field}.projected.defaultMode`),
          ...validateProjections(projected.sources ?? [], `${field}.projected`),
        ]),
    ...when(nfs !== undefined && nfs.path !== '' && !nfs.path.startsWith('/'), () =>
      invalidValue(`${field}.nfs.path`, nfs?.path, 'must be an absolute path'),
    ),
    ...(csi === undefined || csi.driver === '' ? [] : validateDriverName(csi.driver, `${field}.csi.driver`)),
    ...(ephemeral === undefined ? [] : validateEphemeral(volume, field, podName)),
    ...(image?.pullPolicy === undefined
      ? []
      : oneOf(`${field}.image.pullPolicy`, image.pullPolicy, ['Always', 'IfNotPresent', 'Never'])),
  ]
}

/** Source: `ValidateCSIDriverName`. */
export function validateDriverName(name: string, field: string): Causes {
  return [
    ...when(name.length > 63, {
      reason: 'FieldValueTooLong',
      message: 'Too long: may not be more than 63 bytes',
      field,
    }),
    ...invalidValues(field, name, isDns1123Subdomain(name.toLowerCase())),
  ]
}

function validateEphemeral({ name, ephemeral }: Volume, field: string, podName: string): Causes {
  const template = ephemeral?.volumeClaimTemplate
  const path = `${field}.ephemeral.volumeClaimTemplate`
  if (template === undefined) return [required(path)]
  const claimName = `${podName}-${name}`
  return [
    ...validateClaimSpec(template.spec, `${path}.spec`),
    ...(podName === ''
      ? []
      : isDns1123Subdomain(claimName).map((message) =>
          invalidValue(`${field}.name`, name, `PVC name "${claimName}": ${message}`),
        )),
  ]
}

type Files = { readonly items?: readonly KeyToPath[]; readonly defaultMode?: number }

function validateFiles({ items, defaultMode }: Files, field: string): Causes {
  return [...validateMode(defaultMode, `${field}.defaultMode`), ...each(`${field}.items`, items, validateKeyToPath)]
}

function validateKeyToPath({ key, path, mode }: KeyToPath, field: string): Causes {
  return [
    ...when(key === '', required(`${field}.key`)),
    ...(path === '' ? [required(`${field}.path`)] : localPath(path, `${field}.path`, true)),
    ...validateMode(mode, `${field}.mode`),
  ]
}

function validateMode(mode: number | undefined, field: string): Causes {
  return when(mode !== undefined && (mode < 0 || mode > 0o777), () => invalidValue(field, mode, modeMessage))
}

function validateDownwardItem(item: DownwardAPIVolumeFile, field: string): Causes {
  const { path, fieldRef, resourceFieldRef, mode } = item
  return [
    ...(path === '' ? [required(`${field}.path`)] : localPath(path, `${field}.path`, true)),
    ...(fieldRef === undefined ? [] : validateFieldRef(fieldRef, `${field}.fieldRef`, 'volume')),
    ...when(fieldRef !== undefined && resourceFieldRef !== undefined, () =>
      invalidValue(field, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
    ),
    ...(fieldRef !== undefined || resourceFieldRef === undefined
      ? []
      : validateResourceFieldRef(resourceFieldRef, `${field}.resourceFieldRef`, 'volume')),
    ...when(
      fieldRef === undefined && resourceFieldRef === undefined,
      required(field, 'one of fieldRef and resourceFieldRef is required'),
    ),
    ...validateMode(mode, `${field}.mode`),
  ]
}

function validateProjections(sources: readonly VolumeProjection[], field: string): Causes {
  const paths = sources.flatMap(projectedPaths)
  const clashes = repeats(paths).map((index) => paths[index] ?? '')
  return [
    ...each(`${field}.sources`, sources, validateProjection),
    ...clashes.map((path) => invalidValue(field, path, 'conflicting duplicate paths')),
  ]
}

function projectedPaths(source: VolumeProjection): readonly string[] {
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle } = source
  const items = [...(secret?.items ?? []), ...(configMap?.items ?? []), ...(downwardAPI?.items ?? [])]
  const paths = [...items, serviceAccountToken, clusterTrustBundle].map((one) => one?.path ?? '')
  return paths.filter((path) => path !== '')
}

function validateProjection(source: VolumeProjection, field: string): Causes {
  const types = Object.entries(source).filter(([, one]) => one !== undefined)
  const { secret, configMap, downwardAPI, serviceAccountToken: token } = source
  const { expirationSeconds = 3600, path = '' } = token ?? {}
  return [
    ...when(types.length === 0, required(field, 'must specify a volume type')),
    ...types
      .slice(1)
      .map(([type]) => forbiddenField(`${field}.${type}`, 'may not specify more than 1 volume type per source')),
    ...when(secret?.name === '', required(`${field}.secret.name`)),
    ...(secret === undefined ? [] : validateFiles({ ...secret }, `${field}.secret`)),
    ...when(configMap?.name === '', required(`${field}.configMap.name`)),
    ...(configMap === undefined ? [] : validateFiles({ ...configMap }, `${field}.configMap`)),
    ...(downwardAPI?.items ?? []).flatMap((item) => validateDownwardItem(item, `${field}.downwardAPI`)),
    ...when(token !== undefined && expirationSeconds < 600, () =>
      invalidValue(
        `${field}.serviceAccountToken.expirationSeconds`,
        expirationSeconds,
        'may not specify a duration less than 10 minutes',
      ),
    ),
    ...when(token !== undefined && expirationSeconds > 2 ** 32, () =>
      invalidValue(
        `${field}.serviceAccountToken.expirationSeconds`,
        expirationSeconds,
        'may not specify a duration larger than 2^32 seconds',
      ),
    ),
    ...when(token !== undefined && path === '', required(`${field}.serviceAccountToken.path`)),
    ...(token === undefined || path === '' ? [] : localPath(path, `${field}.serviceAccountToken.path`, true)),
  ]
}

/** A path that stays below its directory; `reserved`: may also not start with `..`. */
function localPath(path: string, field: string, reserved = false): Causes {
  return [
    ...when(path.startsWith('/'), () => invalidValue(field, path, 'must be a relative path')),
    ...noBacksteps(path, field),
    ...when(reserved && path.startsWith('..') && !path.startsWith('../') && path !== '..', () =>
      invalidValue(field, path, "must not start with '..'"),
    ),
  ]
}

function noBacksteps(path: string, field: string): Causes {
  return when(path.split('/').includes('..'), () => invalidValue(field, path, "must not contain '..'"))
}

/** The mounts of one container. */
export function validateMounts(container: Container, volumes: readonly Volume[] | undefined, field: string): Causes {
  const { volumeMounts: mounts = [], volumeDevices: devices = [] } = container
  const again = new Set(repeats(mounts.map(({ mountPath }) => mountPath)))
  const known = new Set((volumes ?? []).map(({ name }) => name))
  return each(`${field}.volumeMounts`, mounts, (mount, path, index) => {
    const { name, mountPath = '', subPath = '', subPathExpr = '' } = mount
    return [
      ...(name === '' ? [required(`${path}.name`)] : []),
      ...when(!known.has(name), () => fieldNotFound(`${path}.name`, name)),
      ...(mountPath === '' ? [required(`${path}.mountPath`)] : []),
      ...when(again.has(index), () => invalidValue(`${path}.mountPath`, mountPath, 'must be unique')),
      ...when(
        devices.some((device) => device.name === name),
        () => invalidValue(`${path}.name`, name, 'must not already exist in volumeDevices'),
      ),
      ...when(
        devices.some((device) => device.devicePath === mountPath),
        () => invalidValue(`${path}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'),
      ),
      ...(subPath === '' ? [] : localPath(subPath, `${field}.volumeMounts.subPath`)),
      ...when(subPath !== '' && subPathExpr !== '', () =>
        invalidValue(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
      ),
      ...(subPathExpr === '' ? [] : localPath(subPathExpr, `${field}.volumeMounts.subPathExpr`)),
      ...validatePropagation(mount, container, `${field}.volumeMounts.mountPropagation`),
      ...validateRecursiveReadOnly(mount, `${path}.recursiveReadOnly`),
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

function validateRecursiveReadOnly(
  { recursiveReadOnly, readOnly, mountPropagation }: VolumeMount,
  field: string,
): Causes {
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return []
  return [
    ...when(readOnly !== true, forbiddenField(field, 'may only be specified when readOnly is true')),
    ...when(
      mountPropagation !== undefined && mountPropagation !== 'None',
      forbiddenField(field, 'may only be specified when mountPropagation is None or not specified'),
    ),
    ...oneOf(field, recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible']),
  ]
}

/** The block devices of one container. */
export function validateDevices(
  devices: readonly VolumeDevice[] | undefined,
  volumes: readonly Volume[] | undefined,
  field: string,
): Causes {
  const again = new Set(repeats((devices ?? []).map(({ devicePath }) => devicePath)))
  return each(field, devices, ({ name, devicePath }, path, index) => {
    const volume = (volumes ?? []).find((one) => one.name === name)
    return [
      ...when(name === '', required(`${path}.name`)),
      ...when(
        volume !== undefined && volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined,
        () =>
          invalidValue(
            `${path}.name`,
            name,
            'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
          ),
      ),
      ...when(name !== '' && volume === undefined, () => fieldNotFound(`${path}.name`, name)),
      ...when(devicePath === '', required(`${path}.devicePath`)),
      ...when(again.has(index), () => invalidValue(`${path}.devicePath`, devicePath, 'must be unique')),
      ...noBacksteps(devicePath, `${path}.devicePath`),
    ]
  })
}
