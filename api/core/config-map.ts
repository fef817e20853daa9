/** ConfigMap: settings for pods. Source: `ValidateConfigMap`, `ValidateConfigMapUpdate`. */
import { forbiddenField, invalidValue, tooLong } from '../../apimachinery/field-errors.ts'
import { isConfigMapKey } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, invalidValues, sameJson, when } from '../meta/causes.ts'
import { ageColumn, nameColumn, text } from '../meta/columns.ts'
import { byteLength, subdomainName } from '../meta/validation.ts'
import { defineResource } from '../resource.ts'
import type { ConfigMap } from './v1.ts'

/** Of all values together; what etcd takes in one request leaves little more. Source: `MaxSecretSize`. */
export const maxDataBytes = 1024 * 1024

export const configMaps = defineResource<ConfigMap>({
  facts: factsOf('', 'configmaps'),
  definition: 'core.v1.ConfigMap',
  metadataRules: { update: 'whole' },
  hasGeneration: false,
  validateName: subdomainName,
  validate: validateConfigMap,
  validateUpdate: (configMap, old) => [
    ...forbidChangeWhenImmutable(configMap, old, ['data', 'binaryData']),
    ...validateConfigMap(configMap),
  ],
  columns: [
    nameColumn,
    text('Data', ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length),
    ageColumn,
  ],
})

function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap): Causes {
  const size = sum(Object.values(data).map(byteLength)) + sum(Object.values(binaryData).map(decodedLength))
  return [
    ...Object.keys(data).flatMap((key) => [
      ...invalidValues(`data[${key}]`, key, isConfigMapKey(key)),
      ...when(Object.hasOwn(binaryData, key), () =>
        invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'),
      ),
    ]),
    ...Object.keys(binaryData).flatMap((key) => invalidValues(`binaryData[${key}]`, key, isConfigMapKey(key))),
    ...when(size > maxDataBytes, tooLong('[]', maxDataBytes)),
  ]
}

/** How many bytes a base64 text stands for. */
export function decodedLength(base64: string): number {
  return Buffer.byteLength(base64, 'base64')
}

/** The sum of numbers. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** Once `immutable` is true, neither it nor the data may change. */
export function forbidChangeWhenImmutable<T extends { readonly immutable?: boolean }>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): Causes {
  if (old.immutable !== true) return []
  const message = 'field is immutable when `immutable` is set'
  return [
    ...when(object.immutable !== true, forbiddenField('immutable', message)),
    ...fields.flatMap((field) =>
      when(!sameJson(object[field] ?? {}, old[field] ?? {}), forbiddenField(field, message)),
    ),
  ]
}
