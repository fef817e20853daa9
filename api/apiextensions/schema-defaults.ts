/**
 * A default that no object may have would make every object invalid. Source: apiextensions-apiserver
 * `pkg/apiserver/schema/defaulting/validation.go`.
 */
import { costBudget, ruleValidator } from '../../apimachinery/cel/schema-validator.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import { equalJson, isJsonObject, type Json, type JsonObject } from '../../apimachinery/json.ts'
import { pruneValue, schemaAt } from '../../apimachinery/schema/structural.ts'
import { validateValue } from '../../apimachinery/schema/validate.ts'
import type { Causes } from '../meta/causes.ts'
import { validateEmbedded } from './embedded.ts'

const embedded = 'x-kubernetes-embedded-resource'
const metaFields: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion'])

type Walk = {
  /** Defaults may not have unknown fields, unless the definition had such already. */
  readonly pruned: boolean
  /** What is left for rules. */
  budget: number
}

/** What is wrong with the defaults of a structural root schema. */
export function validateDefaults(root: JsonObject, field: string, pruned: boolean): Causes {
  return validateLevel({ ...root, [embedded]: true }, field, { pruned, budget: costBudget }, false)
}

function validateLevel(schema: JsonObject, field: string, walk: Walk, around: boolean): Causes {
  if (walk.budget < 0) return []
  const isResource = schema[embedded] === true
  const inMetadata = around && !isResource
  const value = schema['default']
  const own = value === undefined ? [] : validateDefault(schema, value, `${field}.default`, walk, inMetadata)
  const items = schemaAt(schema, 'items')
  return [
    ...own,
    ...(items === undefined ? [] : validateLevel(items, `${field}.items`, walk, inMetadata)),
    ...Object.entries(schemaAt(schema, 'properties') ?? {}).flatMap(([name, property]) =>
      isJsonObject(property)
        ? validateLevel(
            property,
            `${field}.properties[${name}]`,
            walk,
            inMetadata || (isResource && metaFields.has(name)),
          )
        : [],
    ),
  ]
}

function validateDefault(schema: JsonObject, value: Json, field: string, walk: Walk, inMetadata: boolean): Causes {
  const causes: Causes =
    inMetadata || !walk.pruned || equalJson(pruneValue(schema, value), value)
      ? []
      : [invalidValue(field, value, 'must not have unknown fields')]
  const wrong = firstOf(
    () => (inMetadata ? [] : validateEmbedded(schema, value, field)),
    () => below(validateValue(asWritten(schema), value), field),
    () => validateRules(schema, value, field, walk),
  )
  return [...causes, ...wrong]
}

/** Upstream holds defaults to the type that a schema says; integers or strings need not say any. */
function asWritten(schema: JsonObject): JsonObject {
  const { 'x-kubernetes-int-or-string': _either, properties, items, additionalProperties, ...rest } = schema
  const inner = (one: Json | undefined): Json => (isJsonObject(one) ? asWritten(one) : (one ?? null))
  return {
    ...rest,
    ...(isJsonObject(properties)
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, inner(one)])) }
      : {}),
    ...(items === undefined ? {} : { items: inner(items) }),
    ...(additionalProperties === undefined ? {} : { additionalProperties: inner(additionalProperties) }),
  }
}

function firstOf(...checks: readonly (() => Causes)[]): Causes {
  for (const check of checks) {
    const causes = check()
    if (causes.length > 0) return causes
  }
  return []
}

function below(causes: Causes, field: string): Causes {
  return causes.map((cause) => ({
    ...cause,
    field: cause.field === undefined || cause.field === '<nil>' ? field : `${field}.${cause.field}`,
  }))
}

/** The default must stand as a value that stays what it is, and as one that is new. */
function validateRules(schema: JsonObject, value: Json, path: string, walk: Walk): Causes {
  const validate = ruleValidator(schema, schema[embedded] === true)
  if (validate === undefined) return []
  const { budget } = walk
  const kept = validate({ value, old: value, ratcheting: false, path, budget })
  const fresh = kept.causes.length > 0 ? kept : validate({ value, ratcheting: false, path, budget })
  walk.budget = Math.min(kept.remaining, fresh.remaining)
  return [...kept.causes, ...(fresh === kept ? [] : fresh.causes)]
}
