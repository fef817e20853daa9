/**
 * The parts of a version, which stand at the top where all versions have them alike: schema, subresources, columns, selectable fields.
 * Source: `validateCustomResourceDefinitionVersion`, `validateCustomResourceDefinitionValidation` and the like.
 */
import { duplicate, forbiddenField, invalidValue, required, tooMany } from '../../apimachinery/field-errors.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { followFieldPath } from '../../apimachinery/schema/field-path.ts'
import { type Causes, each, when } from '../meta/causes.ts'
import { goFieldsOf, goSchema } from './go-shape.ts'
import { rootSchema, type VersionParts } from './internal-form.ts'
import { type SchemaOptions, validateOpenApiSchema } from './open-api-schema.ts'
import { type CostTotal, rootScope, validateTotalCost } from './rules.ts'
import { validateDefaults } from './schema-defaults.ts'
import { unreadable, validateStructural } from './structural.ts'
import type { CustomResourceColumnDefinition, CustomResourceSubresources, SelectableField } from './v1.ts'

/** Rules that came later than definitions that break them. */
export type VersionOptions = SchemaOptions & { readonly structural: boolean; readonly prunedDefaults: boolean }

type PartOptions = VersionOptions & { readonly isUnchanged: boolean; readonly manyFields: boolean }
type Words = { readonly schema: string; readonly needsSchema: string }

/** Source: `MaxSelectableFields`. */
export const mostSelectableFields = 8

/** What is wrong with the parts; `words` differ between the top and a version. */
export function validateParts(
  parts: VersionParts,
  field: string,
  words: Words,
  hasStatus: boolean,
  options: PartOptions,
): Causes {
  const root = rootSchema(parts.schema)
  return [
    ...(root === undefined ? [] : validateSchema(root, `${field}.${words.schema}.openAPIV3Schema`, hasStatus, options)),
    ...validateSubresources(parts.subresources, `${field}.subresources`),
    ...each(`${field}.additionalPrinterColumns`, parts.additionalPrinterColumns, validateColumn),
    ...validateSelectable(parts.selectableFields ?? [], root, field, words, options.manyFields),
  ]
}

function validateSchema(root: JsonObject, field: string, hasStatus: boolean, options: PartOptions): Causes {
  const problem = options.structural ? unreadable(root) : undefined
  const shape = options.structural && problem === undefined ? validateShape(root, field, options) : []
  const isGood = options.structural && problem === undefined && shape.length === 0
  const scope = isGood ? rootScope(root, options.isUnchanged) : undefined
  const found = [
    ...(hasStatus ? validateRootWithStatus(root, field) : []),
    ...when(root['nullable'] === true, () =>
      forbiddenField(`${field}.nullable`, 'nullable cannot be true at the root'),
    ),
    ...shape,
    ...validateOpenApiSchema(root, field, options, scope),
  ]
  const unread = found.length === 0 && problem !== undefined ? [invalidValue(field, '', problem)] : []
  return [...found, ...unread, ...costOf(scope?.costs, field)]
}

function costOf(costs: CostTotal | undefined, field: string): Causes {
  return costs === undefined ? [] : validateTotalCost(costs, field)
}

/** Defaults are looked at once the schema is structural. */
function validateShape(root: JsonObject, field: string, { prunedDefaults }: VersionOptions): Causes {
  const causes = validateStructural(root, field)
  return causes.length > 0 ? causes : validateDefaults(root, field, prunedDefaults)
}

/** Of these nothing is lost when the status is held to its own part of the schema. */
const allowedAtRoot = [
  'Description',
  'Type',
  'Format',
  'Title',
  'Maximum',
  'ExclusiveMaximum',
  'Minimum',
  'ExclusiveMinimum',
  'MaxLength',
  'MinLength',
  'Pattern',
  'MaxItems',
  'MinItems',
  'UniqueItems',
  'MultipleOf',
  'Required',
  'Items',
  'Properties',
  'ExternalDocs',
  'Example',
  'XPreserveUnknownFields',
  'XValidations',
]

/** The first wrong field is named. */
function validateRootWithStatus(root: JsonObject, field: string): Causes {
  for (const name of goFieldsOf(root)) {
    if (name === 'Type' && root['type'] !== 'object') {
      const words =
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
      return [invalidValue(`${field}.type`, root['type'] ?? '', words)]
    }
    if (allowedAtRoot.includes(name)) continue
    const words = `only [${allowedAtRoot.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`
    return [invalidValue(field, goSchema(root), words)]
  }
  return []
}

function validateSubresources(subresources: CustomResourceSubresources | undefined, field: string): Causes {
  const { scale } = subresources ?? {}
  if (scale === undefined) return []
  const { specReplicasPath, statusReplicasPath, labelSelectorPath = '' } = scale
  const at = `${field}.scale`
  return [
    ...validatePath(specReplicasPath, `${at}.specReplicasPath`, ['.spec.'], 'should be a json path under .spec'),
    ...validatePath(
      statusReplicasPath,
      `${at}.statusReplicasPath`,
      ['.status.'],
      'should be a json path under .status',
    ),
    ...(labelSelectorPath === ''
      ? []
      : validatePath(
          labelSelectorPath,
          `${at}.labelSelectorPath`,
          ['.spec.', '.status.'],
          'should be a json path under either .spec or .status',
        )),
  ]
}

function validatePath(path: string, field: string, below: readonly string[], words: string): Causes {
  if (path === '') return [required(field)]
  if (!path.startsWith('.')) return [invalidValue(field, path, 'must be a simple json path starting with .')]
  return when(below.length > 0 && !below.some((start) => path.startsWith(start)), () =>
    invalidValue(field, path, words),
  )
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string']
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']

function validateColumn({ name, type, format = '', jsonPath }: CustomResourceColumnDefinition, field: string): Causes {
  const types = `must be one of ${columnTypes.join(',')}`
  return [
    ...when(name === '', () => required(`${field}.name`)),
    ...(type === ''
      ? [required(`${field}.type`, types)]
      : when(!columnTypes.includes(type), () => invalidValue(`${field}.type`, type, types))),
    ...when(format !== '' && !columnFormats.includes(format), () =>
      invalidValue(`${field}.format`, format, `must be one of ${columnFormats.join(',')}`),
    ),
    ...validatePath(jsonPath, `${field}.JSONPath`, [], ''),
  ]
}

function validateSelectable(
  fields: readonly SelectableField[],
  root: JsonObject | undefined,
  field: string,
  { needsSchema }: Words,
  manyFields: boolean,
): Causes {
  if (fields.length === 0) return []
  const at = `${field}.selectableFields`
  if (root === undefined) return [invalidValue(at, '', needsSchema)]
  if (unreadable(root) !== undefined) return []
  const seen = new Set<string>()
  const causes = each(at, fields, ({ jsonPath }, path) =>
    validateSelectableField(jsonPath, `${path}.jsonPath`, root, seen),
  )
  return [
    ...causes,
    ...when(seen.size > mostSelectableFields && !manyFields, () => tooMany(at, seen.size, mostSelectableFields)),
  ]
}

const selectableTypes: readonly unknown[] = ['string', 'boolean', 'integer']

function validateSelectableField(jsonPath: string, field: string, root: JsonObject, seen: Set<string>): Causes {
  if (jsonPath === '') return [required(field)]
  const found = followFieldPath(jsonPath, root, false)
  if (found.type === 'invalid') return [invalidValue(field, jsonPath, `is an invalid path: ${found.problem}`)]
  const isDouble = seen.has(found.path)
  seen.add(found.path)
  return [
    ...when(found.first === 'metadata', () => invalidValue(field, jsonPath, 'must not point to fields in metadata')),
    ...when(!selectableTypes.includes(found.schema?.['type']), () =>
      invalidValue(
        field,
        jsonPath,
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      ),
    ),
    ...when(isDouble, () => duplicate(field, jsonPath)),
  ]
}
