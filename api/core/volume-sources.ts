/**
 * Rules of the sources that a volume can have, one per type, for pods and PersistentVolumes alike.
 * Source: the `validate…VolumeSource` functions of pkg/apis/core/validation.
 */
import { forbiddenField, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isDns1123Label } from '../../apimachinery/names.ts'
import { type Causes, inRange, invalidValues, oneOf, when } from '../meta/causes.ts'
import { descendingPath, noBacksteps } from './local-path.ts'
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlexVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  GitRepoVolumeSource,
  HostPathVolumeSource,
  ISCSIVolumeSource,
  NFSVolumeSource,
  QuobyteVolumeSource,
} from './v1.ts'

/** A rule for each type of source, in the order in which upstream looks for them: the first that is given counts. */
export type SourceRules<T> = readonly SourceRule<T>[]
export type SourceRule<T> = {
  readonly type: keyof T & string
  readonly validate: (volume: T, field: string) => Causes
  /** Where upstream's path differs from the field: of its causes, of the word that it is one too many. */
  readonly field?: string
  readonly otherField?: string
  /** Upstream looks at this one even where there is another. */
  readonly always?: true
}

/** Fixes the types of a rule: `validate` sees the source only where it is given. */
export function rule<T, K extends keyof T & string>(
  type: K,
  validate: (source: NonNullable<T[K]>, field: string, volume: T) => Causes,
  names: Pick<SourceRule<T>, 'field' | 'otherField' | 'always'> = {},
): SourceRule<T> {
  return {
    type,
    ...names,
    validate: (volume, field) => {
      const source = volume[type]
      return source === undefined || source === null ? [] : validate(source, field, volume)
    },
  }
}

/** Exactly one source, which keeps its own rules. */
export function validateSources<T>(volume: T, rules: SourceRules<T>, field: string): Causes {
  const given = rules.filter(({ type }) => volume[type] !== undefined)
  if (given.length === 0) return [required(field, 'must specify a volume type')]
  return given.flatMap(({ type, validate, always, field: own = type, otherField = type }, index) =>
    index === 0 || always === true
      ? validate(volume, `${field}.${own}`)
      : [forbiddenField(`${field}.${otherField}`, 'may not specify more than 1 volume type')],
  )
}

/** A rule for sources in which nothing but these fields matters: they may not be empty. */
export function needs<S extends object>(...keys: readonly (keyof S & string)[]): (source: S, field: string) => Causes {
  return (source, field) => keys.filter((key) => isEmpty(source[key])).map((key) => required(`${field}.${key}`))
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0)
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]

export function validateHostPath({ path, type }: HostPathVolumeSource, field: string): Causes {
  if (path === '') return [required(`${field}.path`)]
  return [
    ...noBacksteps(path, `${field}.path`),
    ...(type === undefined ? [] : oneOf(`${field}.type`, type, hostPathTypes)),
  ]
}

export function validateGitRepo({ repository, directory = '' }: GitRepoVolumeSource, field: string): Causes {
  return [
    ...when(repository === '', required(`${field}.repository`)),
    ...descendingPath(directory, `${field}.directory`),
  ]
}

/** Upstream allows 0 and says otherwise. */
function validatePartition(partition: number, field: string): Causes {
  return partition === 0 ? [] : inRange(`${field}.partition`, partition, 1, 255)
}

export function validateGcePersistentDisk(source: GCEPersistentDiskVolumeSource, field: string): Causes {
  return [
    ...when(source.pdName === '', required(`${field}.pdName`)),
    ...validatePartition(source.partition ?? 0, field),
  ]
}

export function validateAwsElasticBlockStore(source: AWSElasticBlockStoreVolumeSource, field: string): Causes {
  return [
    ...when(source.volumeID === '', required(`${field}.volumeID`)),
    ...validatePartition(source.partition ?? 0, field),
  ]
}

export function validateNfs({ server, path }: NFSVolumeSource, field: string): Causes {
  return [
    ...when(server === '', required(`${field}.server`)),
    ...when(path === '', required(`${field}.path`)),
    ...when(!path.startsWith('/'), () => invalidValue(`${field}.path`, path, 'must be an absolute path')),
  ]
}

const initiatorForms: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
}

/** An iSCSI name; `unknown` is what upstream says of names of no known form. */
function validateIqn(name: string, field: string, unknown: string): Causes {
  const form = initiatorForms[name.slice(0, 3)]
  if (form === undefined) return [invalidValue(field, name, unknown)]
  return when(!form.test(name), () => invalidValue(field, name, 'must be valid format'))
}

type Iscsi = Omit<ISCSIVolumeSource, 'secretRef'> & { readonly secretRef?: { readonly name?: string } }

export function validateIscsi(iscsi: Iscsi, field: string, kind: 'pod' | 'persistentVolume', name = ''): Causes {
  const { targetPortal, iqn, lun, initiatorName, secretRef } = iscsi
  const unknown = kind === 'pod' ? 'must be valid format starting with iqn, eui, or naa' : 'must be valid format'
  return [
    ...when(targetPortal === '', required(`${field}.targetPortal`)),
    ...(kind === 'pod' ? [] : validateInitiatorLength(iscsi, name, `${field}.targetportal`, targetPortal)),
    ...(iqn === '' ? [required(`${field}.iqn`)] : validateIqn(iqn, `${field}.iqn`, unknown)),
    ...inRange(`${field}.lun`, lun, 0, 255),
    ...when(
      (iscsi.chapAuthDiscovery === true || iscsi.chapAuthSession === true) && secretRef === undefined,
      required(`${field}.secretRef`),
    ),
    ...when(
      kind === 'persistentVolume' && secretRef !== undefined && (secretRef.name ?? '') === '',
      required(`${field}.secretRef.name`),
    ),
    ...(initiatorName === undefined ? [] : validateIqn(initiatorName, `${field}.initiatorname`, unknown)),
  ]
}

/** The kernel's limit on an initiator that is named after volume and portal. */
const maxInitiator = 64

export function validateInitiatorLength(
  { initiatorName, targetPortal }: Pick<Iscsi, 'initiatorName' | 'targetPortal'>,
  name: string,
  field: string,
  value: string,
): Causes {
  return when(initiatorName !== undefined && `${name}:${targetPortal}`.length > maxInitiator, () =>
    invalidValue(
      field,
      value,
      `Total length of <volume name>:<iscsi.targetPortal> must be under ${maxInitiator} characters if iscsi.initiatorName is specified.`,
    ),
  )
}

export function validateFlocker({ datasetName = '', datasetUUID = '' }: FlockerVolumeSource, field: string): Causes {
  return [
    ...when(
      datasetName === '' && datasetUUID === '',
      required(field, 'one of datasetName and datasetUUID is required'),
    ),
    ...when(datasetName !== '' && datasetUUID !== '', () =>
      invalidValue(field, 'resource', 'datasetName and datasetUUID can not be specified simultaneously'),
    ),
    ...when(datasetName.includes('/'), () => invalidValue(`${field}.datasetName`, datasetName, "must not contain '/'")),
  ]
}

const maxTenant = 64

export function validateQuobyte({ registry, volume, tenant = '' }: QuobyteVolumeSource, field: string): Causes {
  const pairs = 'must be a host:port pair or multiple pairs separated by commas'
  return [
    ...(registry === ''
      ? [required(`${field}.registry`, pairs)]
      : tenant.length > maxTenant
        ? [required(`${field}.tenant`, `must be a UUID and may not exceed a length of ${maxTenant} characters`)]
        : registry
            .split(',')
            .filter((pair) => !isHostPort(pair))
            .map(() => invalidValue(`${field}.registry`, registry, pairs))),
    ...when(volume === '', required(`${field}.volume`)),
  ]
}

/** As Go's `net.SplitHostPort` takes it: one colon, or an address in brackets and a colon. */
function isHostPort(text: string): boolean {
  return /^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/.test(text)
}

const maxLun = 255

export function validateFc({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, field: string): Causes {
  return [
    ...when(
      targetWWNs.length === 0 && wwids.length === 0,
      required(`${field}.targetWWNs`, 'must specify either targetWWNs or wwids, but not both'),
    ),
    ...when(targetWWNs.length > 0 && wwids.length > 0, () =>
      invalidValue(`${field}.targetWWNs`, targetWWNs, 'targetWWNs and wwids can not be specified simultaneously'),
    ),
    ...(targetWWNs.length === 0
      ? []
      : lun === undefined
        ? [required(`${field}.lun`, 'lun is required if targetWWNs is specified')]
        : inRange(`${field}.lun`, lun, 0, maxLun)),
  ]
}

export function validateFlexVolume(
  { driver, options }: Pick<FlexVolumeSource, 'driver' | 'options'>,
  field: string,
): Causes {
  const reserved = Object.keys(options ?? {}).filter((key) =>
    /\.(kubernetes|k8s)\.io$/.test(`.${(key.includes('/') ? (key.split('/')[0] ?? '') : key).toLowerCase()}`),
  )
  return [
    ...when(driver === '', required(`${field}.driver`)),
    ...reserved.map((key) =>
      invalidValue(`${field}.options[${key}]`, key, 'kubernetes.io and k8s.io namespaces are reserved'),
    ),
  ]
}

const managedDisk = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'
const blobDisk = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'

export function validateAzureDisk(
  { diskName, diskURI, cachingMode, kind }: AzureDiskVolumeSource,
  field: string,
): Causes {
  const [prefix, form] = kind === 'Managed' ? ['/subscriptions/', managedDisk] : ['https://', blobDisk]
  return [
    ...when(diskName === '', required(`${field}.diskName`)),
    ...when(diskURI === '', required(`${field}.diskURI`)),
    ...(cachingMode === undefined ? [] : oneOf(`${field}.cachingMode`, cachingMode, ['None', 'ReadOnly', 'ReadWrite'])),
    ...(kind === undefined ? [] : oneOf(`${field}.kind`, kind, ['Dedicated', 'Managed', 'Shared'])),
    ...when(kind !== undefined && !diskURI.startsWith(prefix), () => notSupported(`${field}.diskURI`, diskURI, [form])),
  ]
}

type StorageOs = {
  readonly volumeName?: string
  readonly volumeNamespace?: string
}

export function validateStorageOs({ volumeName = '', volumeNamespace = '' }: StorageOs, field: string): Causes {
  return [
    ...(volumeName === ''
      ? [required(`${field}.volumeName`)]
      : invalidValues(`${field}.volumeName`, volumeName, isDns1123Label(volumeName))),
    ...(volumeNamespace === ''
      ? []
      : invalidValues(`${field}.volumeNamespace`, volumeNamespace, isDns1123Label(volumeNamespace))),
  ]
}

/** A Secret that is referred to says its name, and of another namespace also that. */
export function validateSecretRef(
  ref: { readonly name?: string; readonly namespace?: string } | undefined,
  field: string,
  keys: readonly ('name' | 'namespace')[],
): Causes {
  if (ref === undefined) return []
  return keys.filter((key) => (ref[key] ?? '') === '').map((key) => required(`${field}.secretRef.${key}`))
}
