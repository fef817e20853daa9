/** Rules of volumes that are put together from several sources. Source: `validateProjectionSources`. */
import { forbiddenField, invalidValue, notSupported, required, tooLong } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { asInternal, type Causes, each, invalidValues, when } from '../meta/causes.ts'
import { validateLabelSelector } from '../meta/selectors.ts'
import { byteLength, maxAnnotationBytes } from '../meta/validation.ts'
import { nonReservedPath } from './local-path.ts'
import { isKubernetesSigner, isTrustBundleName, validateSignerName } from './signer-name.ts'
import type {
  ClusterTrustBundleProjection,
  KeyToPath,
  PodCertificateProjection,
  ProjectedVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from './v1.ts'
import { validateDownwardFile, validateKeyToPath, validateMode } from './volume-files.ts'

const minTokenSeconds = 600
const maxTokenSeconds = 2 ** 32
const minCertificateSeconds = 3600
const day = 24 * 3600
const keyTypes = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519']

/** What is wrong with a projected volume; two sources may not write the same file. */
export function validateProjectedVolume({ defaultMode, sources }: ProjectedVolumeSource, field: string): Causes {
  const taken = new Set<string>()
  /** A cause when the file is there already; upstream shows `value` in it. */
  const claim = (path: string, value = path): Causes => {
    const again = taken.has(path)
    taken.add(path)
    return when(again, () => invalidValue(field, value, 'conflicting duplicate paths'))
  }
  return [
    ...validateMode(defaultMode, `${field}.defaultMode`),
    ...each(`${field}.sources`, sources, (source, path) => validateProjection(source, path, field, claim)),
  ]
}

type Claim = (path: string, value?: string) => Causes

function validateProjection(source: VolumeProjection, field: string, volume: string, claim: Claim): Causes {
  const { secret, configMap, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = source
  const count = Object.values(source).filter((one) => one !== undefined).length
  return [
    ...(secret === undefined ? [] : validateKeys(secret, `${field}.secret`, claim)),
    ...(configMap === undefined ? [] : validateKeys(configMap, `${field}.configMap`, claim)),
    ...(downwardAPI?.items ?? []).flatMap((file) => [
      ...validateDownwardFile(file, `${field}.downwardAPI`),
      ...(file.path === '' ? [] : claim(file.path)),
    ]),
    ...(serviceAccountToken === undefined
      ? []
      : validateToken(serviceAccountToken, `${field}.serviceAccountToken`, `${volume}.path`)),
    ...(clusterTrustBundle === undefined
      ? []
      : validateTrustBundle(clusterTrustBundle, `${field}.clusterTrustBundle`, claim)),
    ...(podCertificate === undefined ? [] : validateCertificate(podCertificate, `${field}.podCertificate`, claim)),
    ...when(count > 1, forbiddenField(field, 'may not specify more than 1 volume type per source')),
  ]
}

type Keys = { readonly name?: string; readonly items?: readonly KeyToPath[] }

function validateKeys({ name = '', items }: Keys, field: string, claim: Claim): Causes {
  return [
    ...when(name === '', required(`${field}.name`)),
    ...each(`${field}.items`, items, (item, path) => [
      ...validateKeyToPath(item, path),
      ...(item.path === '' ? [] : claim(item.path, name)),
    ]),
  ]
}

/** Upstream looks for a token's path beside the sources. */
function validateToken(token: ServiceAccountTokenProjection, field: string, pathField: string): Causes {
  const { expirationSeconds = 0, path } = token
  const seconds = `${field}.expirationSeconds`
  return [
    ...when(expirationSeconds < minTokenSeconds, () =>
      invalidValue(seconds, expirationSeconds, 'may not specify a duration less than 10 minutes'),
    ),
    ...when(expirationSeconds > maxTokenSeconds, () =>
      invalidValue(seconds, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'),
    ),
    ...(path === '' ? [required(pathField)] : nonReservedPath(path, pathField)),
  ]
}

const internalBundle = [
  ['Name', 'name'],
  ['SignerName', 'signerName'],
  ['LabelSelector', 'labelSelector'],
  ['Optional', 'optional'],
  ['Path', 'path', ''],
] as const

function validateTrustBundle(bundle: ClusterTrustBundleProjection, field: string, claim: Claim): Causes {
  const { path } = bundle
  return [
    ...validateBundleReference(bundle, field),
    ...when(path === '', required(`${field}.path`)),
    ...nonReservedPath(path, `${field}.path`),
    ...claim(path),
  ]
}

function validateBundleReference(bundle: ClusterTrustBundleProjection, field: string): Causes {
  const { name, signerName, labelSelector } = bundle
  if (name !== undefined && signerName !== undefined) {
    return [invalidValue(field, asInternal(bundle, internalBundle), 'only one of name and signerName may be used')]
  }
  if (name !== undefined) {
    return [
      ...when(name === '', required(`${field}.name`, 'must be a valid object name')),
      ...isTrustBundleName(name).map((message) =>
        invalidValue(`${field}.name`, name, `not a valid clustertrustbundlename: ${message}`),
      ),
      ...when(labelSelector !== undefined, () =>
        invalidValue(`${field}.labelSelector`, labelSelector, 'labelSelector must be unset if name is specified'),
      ),
    ]
  }
  if (signerName === undefined) return [required(field, 'either name or signerName must be specified')]
  return [
    ...when(signerName === '', required(`${field}.signerName`, 'must be a valid signer name')),
    ...validateSignerName(signerName, `${field}.signerName`),
    ...validateLabelSelector(labelSelector, `${field}.labelSelector`),
  ]
}

function validateCertificate(certificate: PodCertificateProjection, field: string, claim: Claim): Causes {
  const { signerName = '', keyType = '', userAnnotations } = certificate
  const files = (['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const).filter(
    (key) => (certificate[key] ?? '') !== '',
  )
  return [
    ...validateSignerName(signerName, `${field}.signerName`),
    ...validateUserAnnotations(userAnnotations, `${field}.userAnnotations`),
    ...when(!keyTypes.includes(keyType), () => notSupported(`${field}.keyType`, keyType, keyTypes)),
    ...validateLifetime(certificate, `${field}.maxExpirationSeconds`),
    ...files.flatMap((key) => [
      ...nonReservedPath(certificate[key] ?? '', `${field}.${key}`),
      ...claim(certificate[key] ?? ''),
    ]),
    ...when(
      files.length === 0,
      required(field, 'specify at least one of credentialBundlePath, keyPath, and certificateChainPath'),
    ),
  ]
}

function validateUserAnnotations(annotations: Readonly<Record<string, string>> = {}, field: string): Causes {
  const entries = Object.entries(annotations)
  const bytes = entries.reduce((sum, [key, value]) => sum + byteLength(key) + byteLength(value), 0)
  return [
    ...entries.flatMap(([key]) => validateDomainKey(key.toLowerCase(), field)),
    ...when(bytes > maxAnnotationBytes, tooLong(field, maxAnnotationBytes)),
  ]
}

/** Source: `IsDomainPrefixedKey`. */
function validateDomainKey(key: string, field: string): Causes {
  if (key === '') return [required(field)]
  const messages = isQualifiedName(key)
  if (messages.length > 0) return invalidValues(field, key, messages)
  return when(!key.includes('/'), () =>
    invalidValue(field, key, 'must be a domain-prefixed key (such as "acme.io/foo")'),
  )
}

function validateLifetime(
  { maxExpirationSeconds: seconds, signerName }: PodCertificateProjection,
  field: string,
): Causes {
  if (seconds === undefined) return []
  const max = isKubernetesSigner(signerName ?? '') ? day : 91 * day
  return [
    ...when(seconds < minCertificateSeconds, () =>
      invalidValue(field, seconds, `if provided, maxExpirationSeconds must be >= ${minCertificateSeconds}`),
    ),
    ...when(seconds > max, () => invalidValue(field, seconds, `if provided, maxExpirationSeconds must be <= ${max}`)),
  ]
}
