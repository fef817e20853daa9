/** `EncryptionConfiguration` of `apiserver.config.k8s.io/v1`: read, checked in upstream's words, made into chains. Pure. */
import { invalidValue, required } from '../../../apimachinery/field-errors.ts'
import type { StatusCause } from '../../../apimachinery/status.ts'
import type { KmsSettings } from './kms/plugin.ts'
import { kmsProblems, kmsSettings } from './kms/settings.ts'
import { aesCbc, aesGcm, secretbox } from './providers.ts'
import { type ResourceRule, resourceProblems } from './resources.ts'
import { identity, type Transformer } from './transformer.ts'

type Fields = Readonly<Record<string, unknown>>

const providerKinds = ['aesgcm', 'aescbc', 'secretbox', 'identity', 'kms'] as const
type ProviderKind = (typeof providerKinds)[number]
const aesKeyBytes = [16, 24, 32]
const secretboxKeyBytes = [32]

/** The configuration cannot be used. */
export class EncryptionConfigurationError extends Error {
  override readonly name = 'EncryptionConfigurationError'
}

/** Makes the transformer of a plugin. */
export type KmsMaker = (settings: KmsSettings) => Transformer

/** The rules in the file's order; plugins are reached through `kms`. Throws `EncryptionConfigurationError`. */
export function parseEncryptionConfiguration(value: unknown, kms: KmsMaker): readonly ResourceRule[] {
  const { apiVersion, kind, resources } = fieldsOf(value)
  if (apiVersion !== 'apiserver.config.k8s.io/v1' || kind !== 'EncryptionConfiguration') {
    throw new EncryptionConfigurationError(
      `error decoding encryption provider configuration: no kind "${String(kind)}" is registered for version "${String(apiVersion)}"`,
    )
  }
  const entries = listOf(resources)
  refuse(entries.length === 0 ? [required('resources', 'at least one resources is required')] : [])
  const strict = unknownFields(fieldsOf(value), ['apiVersion', 'kind', 'resources'], '')
  refuse([
    ...strict.map((field) => invalidValue(field, null, 'unknown field')),
    ...entries.flatMap(entryProblems),
    ...repeatedNames(entries),
  ])
  refuseVersion1(entries)
  return withoutMasked(
    entries.flatMap((entry) => {
      const transformers = listOf(fieldsOf(entry)['providers']).flatMap((provider) => transformersOf(provider, kms))
      return textsOf(fieldsOf(entry)['resources']).map((resource) => ({ resource, transformers }))
    }),
  )
}

/** Several entries for one resource add up; an entry behind a wildcard that covers it would never be asked. */
function withoutMasked(entries: readonly ResourceRule[]): readonly ResourceRule[] {
  const rules = new Map<string, readonly Transformer[]>()
  for (const { resource, transformers } of entries) {
    const wildcard = `*.${resource.slice(resource.indexOf('.') + 1 || resource.length)}`
    const mask = [wildcard, '*.*'].find((one) => one !== resource && rules.has(one))
    if (mask !== undefined) {
      throw new EncryptionConfigurationError(
        `error while building transformers: resource "${resource}" is masked by earlier rule "${mask}"`,
      )
    }
    rules.set(resource, [...(rules.get(resource) ?? []), ...transformers])
  }
  return [...rules].map(([resource, transformers]) => ({ resource, transformers }))
}

function refuse(problems: readonly StatusCause[]): void {
  if (problems.length === 0) return
  const texts = problems.map(({ field, message }) => `${field}: ${message}`)
  throw new EncryptionConfigurationError(texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`)
}

function entryProblems(entry: unknown, index: number): readonly StatusCause[] {
  const path = `resources[${index}]`
  const fields = fieldsOf(entry)
  const providers = listOf(fields['providers'])
  const resources = textsOf(fields['resources'])
  return [
    ...(resources.length === 0 ? [atLeastOne(`${path}.resources`)] : []),
    ...resourceProblems(resources, `${path}.resources`),
    ...(providers.length === 0 ? [atLeastOne(`${path}.providers`)] : []),
    ...providers.flatMap((provider, at) => providerProblems(fieldsOf(provider), `${path}.providers[${at}]`)),
  ]
}

function atLeastOne(path: string): StatusCause {
  return required(path, `at least one ${path} is required`)
}

function providerProblems(provider: Fields, path: string): readonly StatusCause[] {
  const [kind, ...others] = kindsOf(provider)
  if (kind === undefined) {
    const expected = 'KMS, AESGCM, AESCBC, Secretbox, Identity'
    return [invalidValue(path, '', `provider does not contain any of the expected providers: ${expected}`)]
  }
  if (others.length > 0) {
    return [
      invalidValue(
        path,
        '',
        'more than one provider specified in a single element, should split into different list elements',
      ),
    ]
  }
  switch (kind) {
    case 'aesgcm':
    case 'aescbc':
      return keysProblems(fieldsOf(provider[kind]), `${path}.${kind}.keys`, aesKeyBytes)
    case 'secretbox':
      return keysProblems(fieldsOf(provider[kind]), `${path}.${kind}.keys`, secretboxKeyBytes)
    case 'kms':
      return kmsProblems(fieldsOf(provider[kind]), `${path}.kms`)
    case 'identity':
      return []
  }
}

function keysProblems(provider: Fields, path: string, lengths: readonly number[]): readonly StatusCause[] {
  const keys = listOf(provider['keys'])
  if (keys.length === 0) return [required(path, 'at least one keys is required')]
  return keys.flatMap((key, index) => keyProblems(fieldsOf(key), `${path}[${index}]`, lengths))
}

function keyProblems({ name, secret }: Fields, path: string, lengths: readonly number[]): readonly StatusCause[] {
  const problems = isText(name) ? [] : [required(`${path}.name`, 'name is a mandatory field for a key')]
  if (!isText(secret)) return [...problems, required(`${path}.secret`, 'secret is a mandatory field for a key')]
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret)) {
    return [...problems, invalidValue(`${path}.secret`, 'REDACTED', 'secrets must be base64 encoded')]
  }
  const { length } = Buffer.from(secret, 'base64')
  if (lengths.includes(length)) return problems
  const detail = `secret is not of the expected length, got ${length}, expected one of [${lengths.join(' ')}]`
  return [...problems, invalidValue(`${path}.secret`, 'REDACTED', detail)]
}

/** Upstream's feature gate for version 1 is off, and the version of who names none is 1. */
function refuseVersion1(entries: readonly unknown[]): void {
  if (kmsProvidersOf(entries).every(({ fields }) => fields['apiVersion'] === 'v2')) return
  throw new EncryptionConfigurationError(
    'error while building transformers: KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead.  Set --feature-gates=KMSv1=true to use the deprecated KMSv1 feature.',
  )
}

function kmsProvidersOf(entries: readonly unknown[]): readonly { readonly fields: Fields; readonly path: string }[] {
  return entries.flatMap((entry, index) =>
    listOf(fieldsOf(entry)['providers']).flatMap((provider, at) => {
      const kms = fieldsOf(provider)['kms']
      if (kms === undefined || kms === null) return []
      return [{ fields: fieldsOf(kms), path: `resources[${index}].providers[${at}].kms` }]
    }),
  )
}

function repeatedNames(entries: readonly unknown[]): readonly StatusCause[] {
  const seen = new Set<unknown>()
  return kmsProvidersOf(entries).flatMap(({ fields: { name, apiVersion }, path }) => {
    const isRepeated = apiVersion === 'v2' && isText(name) && seen.has(name)
    seen.add(name)
    if (!isRepeated) return []
    return [invalidValue(`${path}.name`, name, `duplicate KMS provider name ${String(name)}, names must be unique`)]
  })
}

function transformersOf(provider: unknown, kms: KmsMaker): readonly Transformer[] {
  const fields = fieldsOf(provider)
  const [kind] = kindsOf(fields)
  const keys = kind === undefined ? [] : listOf(fieldsOf(fields[kind])['keys']).map(keyOf)
  switch (kind) {
    case 'aesgcm':
      return keys.map(({ name, secret }) => aesGcm(name, secret))
    case 'aescbc':
      return keys.map(({ name, secret }) => aesCbc(name, secret))
    case 'secretbox':
      return keys.map(({ name, secret }) => secretbox(name, secret))
    case 'identity':
      return [identity]
    case 'kms':
      return [kms(kmsSettings(fieldsOf(fields[kind])))]
    default:
      throw new TypeError('a provider was not checked')
  }
}

function keyOf(key: unknown): { readonly name: string; readonly secret: Buffer } {
  const { name, secret } = fieldsOf(key)
  return { name: String(name), secret: Buffer.from(String(secret), 'base64') }
}

/** In the file `identity: {}` is there, even if it is empty. */
function kindsOf(provider: Fields): readonly ProviderKind[] {
  return providerKinds.filter((kind) => provider[kind] !== undefined && provider[kind] !== null)
}

function unknownFields(fields: Fields, known: readonly string[], path: string): readonly string[] {
  return Object.keys(fields).flatMap((name) => (known.includes(name) ? [] : [`${path}${name}`]))
}

function fieldsOf(value: unknown): Fields {
  // A mapping of the file: its fields are looked at one by one.
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function textsOf(value: unknown): readonly string[] {
  return listOf(value).filter(isText)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
