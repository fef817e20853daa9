/** Secret: data that is not for everyone. Source: `ValidateSecret`, `ValidateSecretUpdate`. */
import { invalidValue, required, tooLong } from '../../apimachinery/field-errors.ts'
import { isJsonObject } from '../../apimachinery/json.ts'
import { isConfigMapKey } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, immutable, invalidValues, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import { decodedLength, forbidChangeWhenImmutable, maxDataBytes, sum } from './config-map.ts'
import type { Secret } from './v1.ts'

export const secrets = defineResource<Secret>({
  facts: factsOf('', 'secrets'),
  definition: 'core.v1.Secret',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  defaults: (secret) => mergeStringData({ ...secret, type: secret.type || 'Opaque' }),
  validate: validateSecret,
  validateUpdate: (secret, old) => [
    ...immutable('type', secret.type, old.type),
    ...forbidChangeWhenImmutable(secret, old, ['data']),
    ...validateSecret(secret),
  ],
  columns: [
    nameColumn,
    text('Type', (secret) => secret.type ?? ''),
    text('Data', (secret) => Object.keys(secret.data ?? {}).length),
    ageColumn,
  ],
  selectableFields: { type: (secret) => secret.type ?? '' },
})

/** `stringData` is for writing only: it overrides `data` and is never shown. */
function mergeStringData({ stringData, ...secret }: Secret): Secret {
  if (stringData === undefined) return secret
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  return { ...secret, data: { ...secret.data, ...Object.fromEntries(encoded) } }
}

function validateSecret(secret: Secret): Causes {
  const data = secret.data ?? {}
  const size = sum(Object.values(data).map(decodedLength))
  return [
    ...Object.keys(data).flatMap((key) => invalidValues(`data[${key}]`, key, isConfigMapKey(key))),
    ...when(size > maxDataBytes, tooLong('data', maxDataBytes)),
    ...validateType(secret, data),
  ]
}

/** Keys that a type cannot do without. */
const keysOfType: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
}

function validateType({ type = '', metadata }: Secret, data: Readonly<Record<string, string>>): Causes {
  const keys = keysOfType[type] ?? []
  const owner = 'kubernetes.io/service-account.name'
  return [
    ...when(
      type === 'kubernetes.io/service-account-token' && (metadata.annotations?.[owner] ?? '') === '',
      required(`metadata.annotations[${owner}]`),
    ),
    ...when(
      type === 'kubernetes.io/basic-auth' && !('username' in data) && !('password' in data),
      required('data[username]'),
      required('data[password]'),
    ),
    ...keys.filter((key) => !(key in data) || isEmptyKey(key, data)).map((key) => required(`data[${key}]`)),
    ...keys.filter((key) => key.startsWith('.') && key in data).flatMap((key) => validateJson(key, data[key] ?? '')),
  ]
}

/** A key for SSH may not be empty; the others only have to be there. */
function isEmptyKey(key: string, data: Readonly<Record<string, string>>): boolean {
  return key === 'ssh-privatekey' && data[key] === ''
}

function validateJson(key: string, base64: string): Causes {
  const field = `data[${key}]`
  if (base64 === '') return [invalidValue(field, '<secret contents redacted>', 'unexpected end of JSON input')]
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString())
    return when(!isJsonObject(value), () => invalidValue(field, '<secret contents redacted>', 'must be a JSON object'))
  } catch (error) {
    return [invalidValue(field, '<secret contents redacted>', error instanceof Error ? error.message : String(error))]
  }
}
