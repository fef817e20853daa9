/**
 * What custom objects are held to: schema, replicas, embedded resources, lists without doubles, rules. Pure.
 * Source: apiextensions-apiserver `pkg/registry/customresource` (`strategy.go`, `status_strategy.go`, `validator.go`).
 */
import { validateEmbedded } from '../../api/apiextensions/embedded.ts'
import type { ApiObject } from '../../api/resource.ts'
import { type RuleValidator, ruleValidator } from '../../apimachinery/cel/schema-validator.ts'
import { goQuote, invalidValue } from '../../apimachinery/field-errors.ts'
import type { Json, JsonObject } from '../../apimachinery/json.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { validateListTypes } from '../../apimachinery/schema/list-types.ts'
import { schemaAt } from '../../apimachinery/schema/structural.ts'
import { validateValue } from '../../apimachinery/schema/validate.ts'
import type { CauseReason, StatusCause } from '../../apimachinery/status.ts'
import type { TimeLimit } from '../cel/time-limit.ts'
import { type ScalePaths, specReplicasCauses, statusReplicasCauses } from './scale.ts'

type Causes = readonly StatusCause[]

type Warn = (text: string) => void

export type CustomValidation = {
  readonly validate: (object: ApiObject) => Causes
  readonly validateUpdate: (object: ApiObject, old: ApiObject, warn?: Warn) => Causes
  readonly validateStatus: (object: ApiObject, old: ApiObject, warn?: Warn) => Causes
  readonly warningsOf: (object: ApiObject, old: ApiObject | undefined) => readonly string[]
}

/** The validation of one version. Rules are compiled when the first object meets them. */
export function customValidation(
  schema: JsonObject,
  scale: ScalePaths | undefined,
  timeLimit?: TimeLimit,
): CustomValidation {
  const rules = lazyRules(schema)
  const withRules = (causes: Causes, object: ApiObject, old?: ApiObject, warn?: Warn): Causes => {
    const validator = rules()
    if (validator === undefined) return causes
    if (causes.some(({ reason }) => blocking.has(reason))) return [...causes, unchecked]
    const before = old === undefined ? {} : { old: asJson(old) }
    const limit = timeLimit === undefined ? {} : { interrupted: timeLimit() }
    const result = validator({ value: asJson(object), ...before, ...limit, ratcheting: old !== undefined })
    for (const { field, message } of result.warnings) warn?.(`${field}: ${message}`)
    return [...causes, ...result.causes]
  }
  return {
    validate: (object) => withRules(validateObject(schema, scale, object, undefined), object),
    validateUpdate: (object, old, warn) => withRules(validateObject(schema, scale, object, old), object, old, warn),
    validateStatus: (object, old, warn) => withRules(validateStatusOf(schema, scale, object, old), object, old, warn),
    warningsOf: finalizerWarnings,
  }
}

function lazyRules(schema: JsonObject): () => RuleValidator | undefined {
  let validator: RuleValidator | undefined
  let isMade = false
  return () => {
    if (!isMade) validator = ruleValidator(schema, true)
    isMade = true
    return validator
  }
}

/** Rules expect objects that fit their schema. Source: `hasBlockingErr`. */
const blocking: ReadonlySet<CauseReason> = new Set<CauseReason>([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])
const unchecked = invalidValue(
  '<nil>',
  null,
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
)

/** API objects are JSON. */
function asJson(object: ApiObject): JsonObject {
  return object as unknown as JsonObject
}

function validateObject(
  schema: JsonObject,
  scale: ScalePaths | undefined,
  object: ApiObject,
  old: ApiObject | undefined,
): Causes {
  const value = asJson(object)
  const before = old === undefined ? undefined : asJson(old)
  return [
    ...validateValue(schema, value, before),
    ...(scale === undefined ? [] : [...specReplicasCauses(scale, value), ...statusReplicasCauses(scale, value)]),
    ...validateEmbedded(schema, value, '', false),
    ...newDoubles(schema, value, before),
  ]
}

/** An object that has doubled items already may keep them. */
function newDoubles(schema: JsonObject, value: JsonObject, before: JsonObject | undefined): Causes {
  const doubles = validateListTypes(schema, value)
  if (doubles.length === 0 || before === undefined) return doubles
  return validateListTypes(schema, before).length > 0 ? [] : doubles
}

/** Only the status is held to its schema, and paths in the text begin there; doubles and rules concern the whole object. */
function validateStatusOf(
  schema: JsonObject,
  scale: ScalePaths | undefined,
  object: ApiObject,
  old: ApiObject,
): Causes {
  const value = asJson(object)
  const status: Json | undefined = value['status']
  const inner = schemaAt(schemaAt(schema, 'properties'), 'status')
  const causes = status === undefined || inner === undefined ? [] : validateValue(inner, status, asJson(old)['status'])
  return [
    ...causes.map((cause) => ({
      ...cause,
      field: cause.field === undefined || cause.field === '<nil>' ? 'status' : `status.${cause.field}`,
    })),
    ...(scale === undefined ? [] : statusReplicasCauses(scale, value)),
    ...newDoubles(schema, value, asJson(old)),
  ]
}

const standardFinalizers = ['orphan', 'foregroundDeletion', 'kubernetes']

/** Source: customresource `validateKubeFinalizerName`. */
function finalizerWarnings({ metadata }: ApiObject, old: ApiObject | undefined): readonly string[] {
  const before = old?.metadata.finalizers ?? []
  const added = (metadata.finalizers ?? []).filter((name) => !before.includes(name)).toSorted()
  return added.flatMap((name) => {
    const say = (words: string): string => `metadata.finalizers: ${goQuote(name)}: ${words}`
    const wrong = isQualifiedName(name).map(say)
    if (name.includes('/') || standardFinalizers.includes(name)) return wrong
    const path = name.includes('.') ? ' including a path (/)' : ''
    const words = `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`
    return [...wrong, say(words)]
  })
}
