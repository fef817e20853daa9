/** Rules of `env` and `envFrom`, and of what the downward API can read. Source: `ValidateEnv`, `ValidateEnvFrom`. */
import { fieldNotFound, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import {
  isConfigMapKey,
  isDns1123Label,
  isDns1123Subdomain,
  isQualifiedName,
  isRelaxedEnvVarName,
} from '../../apimachinery/names.ts'
import { type Causes, each, invalidValues, when } from '../meta/causes.ts'
import { noBacksteps } from './local-path.ts'
import { eachContainer } from './pod-containers.ts'
import { quantityOf } from './pod-resources.ts'
import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  FileKeySelector,
  ObjectFieldSelector,
  PodSpec,
  ResourceFieldSelector,
} from './v1.ts'

const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
]
const volumeFields = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid']
const convertible = new Set([
  ...envFields,
  ...volumeFields,
  'spec.restartPolicy',
  'spec.schedulerName',
  'spec.serviceAccountName',
  'status.phase',
])
const resourceFields = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
]
const byteDivisors = ['1', '1k', '1M', '1G', '1T', '1P', '1E', '1Ki', '1Mi', '1Gi', '1Ti', '1Pi', '1Ei']

/** A container's variables. */
export function validateEnv(env: readonly EnvVar[] | undefined, field: string): Causes {
  return each(field, env, (variable, path) => [
    ...(variable.name === ''
      ? [required(`${path}.name`)]
      : invalidValues(`${path}.name`, variable.name, isRelaxedEnvVarName(variable.name))),
    ...(variable.valueFrom === undefined ? [] : validateValueFrom(variable, variable.valueFrom, `${path}.valueFrom`)),
  ])
}

function validateValueFrom({ value = '' }: EnvVar, source: EnvVarSource, field: string): Causes {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source
  const count = Object.values(source).filter((one) => one !== undefined).length
  return [
    ...(fieldRef === undefined ? [] : validateFieldRef(fieldRef, `${field}.fieldRef`, 'env')),
    ...(resourceFieldRef === undefined
      ? []
      : validateResourceFieldRef(resourceFieldRef, `${field}.resourceFieldRef`, 'env')),
    ...(configMapKeyRef === undefined ? [] : validateKeyRef(configMapKeyRef, `${field}.configMapKeyRef`)),
    ...(secretKeyRef === undefined ? [] : validateKeyRef(secretKeyRef, `${field}.secretKeyRef`)),
    ...(fileKeyRef === undefined ? [] : validateFileKeyRef(fileKeyRef, `${field}.fileKeyRef`)),
    ...when(count === 0, () =>
      invalidValue(
        field,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    ),
    ...when(value !== '' && count > 0, () => invalidValue(field, '', 'may not be specified when `value` is not empty')),
    ...when(value === '' && count > 1, () =>
      invalidValue(field, '', 'may not have more than one field specified at a time'),
    ),
  ]
}

function validateKeyRef({ name = '', key = '' }: { name?: string; key?: string }, field: string): Causes {
  return [
    ...invalidValues(`${field}.name`, name, isDns1123Subdomain(name)),
    ...(key === '' ? [required(`${field}.key`)] : invalidValues(`${field}.key`, key, isConfigMapKey(key))),
  ]
}

function validateFileKeyRef({ volumeName = '', path = '', key = '' }: FileKeySelector, field: string): Causes {
  return [
    ...(key === '' ? [required(`${field}.key`)] : invalidValues(`${field}.key`, key, isRelaxedEnvVarName(key))),
    ...(volumeName === ''
      ? [required(`${field}.volumeName`)]
      : invalidValues(`${field}.volumeName`, volumeName, isDns1123Label(volumeName))),
    ...(path === '' ? [required(`${field}.path`)] : noBacksteps(path, `${field}.path`)),
  ]
}

/** Files with variables are in an `emptyDir`, which another container fills. Source: `validateFileKeyRefVolumes`. */
export function validateEnvFileVolumes(spec: PodSpec, field: string): Causes {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]))
  return eachContainer(spec, field).flatMap(({ container, path }) =>
    each(`${path}.env`, container.env, ({ valueFrom }, variable) => {
      const name = valueFrom?.fileKeyRef?.volumeName
      if (name === undefined) return []
      const at = `${variable}.valueFrom.fileKeyRef.volumeName`
      const volume = volumes.get(name)
      if (volume === undefined) return [fieldNotFound(at, name)]
      return when(volume.emptyDir === undefined, () =>
        invalidValue(at, name, 'referenced volume must be of type emptyDir'),
      )
    }),
  )
}

/** What a variable or file may take from the pod's own fields. */
export function validateFieldRef(ref: ObjectFieldSelector, field: string, where: 'env' | 'volume'): Causes {
  const { fieldPath = '' } = ref
  const supported = where === 'env' ? envFields : volumeFields
  if ((ref.apiVersion ?? '') === '') return [required(`${field}.apiVersion`)]
  if (fieldPath === '') return [required(`${field}.fieldPath`)]
  const subscripted = /^(.+)\['(.*)'\]$/.exec(fieldPath)
  const [path = fieldPath, subscript] = subscripted === null ? [fieldPath] : [subscripted[1], subscripted[2]]
  if (!convertible.has(path)) {
    return [
      invalidValue(`${field}.fieldPath`, fieldPath, `error converting fieldPath: field label not supported: ${path}`),
    ]
  }
  if (subscript === undefined) {
    return when(!supported.includes(path), () => notSupported(`${field}.fieldPath`, path, supported))
  }
  if (path === 'metadata.annotations') return invalidValues(field, subscript, isQualifiedName(subscript.toLowerCase()))
  if (path === 'metadata.labels') return invalidValues(field, subscript, isQualifiedName(subscript))
  return [invalidValue(field, path, 'does not support subscript')]
}

/** What a variable or file may take from a container's resources. */
export function validateResourceFieldRef(ref: ResourceFieldSelector, field: string, where: 'env' | 'volume'): Causes {
  const { resource = '', containerName = '', divisor = '0' } = ref
  const known = resourceFields.includes(resource) || /^(limits|requests)\.hugepages-/.test(resource)
  return [
    ...(where === 'volume' && containerName === ''
      ? [required(`${field}.containerName`)]
      : resource === ''
        ? [required(`${field}.resource`)]
        : when(!known, () => notSupported(`${field}.resource`, resource, resourceFields))),
    ...validateDivisor(resource, divisor, `${field}.divisor`),
  ]
}

function validateDivisor(resource: string, divisor: string, field: string): Causes {
  if (quantityOf(divisor).nano === 0n) return []
  const known = resourceFields.includes(resource) || /^(limits|requests)\.hugepages-/.test(resource)
  if (!known) return []
  const kind = resource.split('.')[1] ?? ''
  const supported = kind === 'cpu' ? ['1m', '1'] : byteDivisors
  if (supported.includes(divisor)) return []
  const name =
    kind === 'memory' || kind === 'cpu' ? kind : kind === 'ephemeral-storage' ? 'local ephemeral storage' : 'hugepages'
  const list = kind === 'cpu' ? '1m and 1' : supported.join(', ')
  return [invalidValue(field, resource, `only divisor's values ${list} are supported with the ${name} resource`)]
}

/** Whole ConfigMaps and Secrets as variables. */
export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, field: string): Causes {
  return each(field, sources, (source, path) => {
    const { prefix = '', configMapRef, secretRef } = source
    const count = [configMapRef, secretRef].filter((one) => one !== undefined).length
    return [
      ...(prefix === '' ? [] : invalidValues(`${path}.prefix`, prefix, isRelaxedEnvVarName(prefix))),
      ...validateReference(configMapRef, `${path}.configMapRef.name`),
      ...validateReference(secretRef, `${path}.secretRef.name`),
      ...when(count === 0, () => invalidValue(field, '', 'must specify one of: `configMapRef` or `secretRef`')),
      ...when(count > 1, () => invalidValue(field, '', 'may not have more than one field specified at a time')),
    ]
  })
}

/** A name, or the beginning of one: upstream takes it for a prefix. */
function validateReference(ref: { readonly name?: string } | undefined, field: string): Causes {
  if (ref === undefined) return []
  const { name = '' } = ref
  if (name === '') return [required(field)]
  return invalidValues(field, name, isDns1123Subdomain(name.replace(/(.)-$/, '$1a')))
}
