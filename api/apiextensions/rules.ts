/**
 * The rules (`x-kubernetes-validations`) of a definition's schemas: what they may say, whether they compile, and what they can cost.
 * Source: `ValidateCustomResourceDefinitionOpenAPISchema`, apiextensions-apiserver `validation/cel_validation.go`, KEP-2876.
 */
import {
  type CompiledExpression,
  type CompiledRule,
  compileRules,
  rulesOf,
} from '../../apimachinery/cel/schema-rules.ts'
import { type SchemaType, schemaType } from '../../apimachinery/cel/schema-types.ts'
import { forbiddenField, internalError, invalidValue, notSupported, required } from '../../apimachinery/field-errors.ts'
import { isJsonList, type JsonObject } from '../../apimachinery/json.ts'
import { followFieldPath } from '../../apimachinery/schema/field-path.ts'
import { type Causes, when } from '../meta/causes.ts'
import { goRule } from './go-shape.ts'
import { unreadable } from './structural.ts'

/** Source: `StaticEstimatedCostLimit`. */
const mostPerExpression = 10_000_000
/** Source: `StaticEstimatedCRDCostLimit`. */
const mostPerSchema = 100_000_000
/** The largest number of upstream's counters; nothing is counted above. */
const countless = 2 ** 64

type Expensive = { readonly field: string; readonly cost: number }

/** Adds up what the rules of one root schema can cost. */
export type CostTotal = { total: number; expensive: readonly Expensive[] }

/** What is known about the values of one level of a schema. */
export type RuleScope = {
  readonly schema: JsonObject
  readonly isResource: boolean
  /** The most values that one object can have at this level; `undefined`: no limit. */
  readonly cardinality: number | undefined
  readonly costs: CostTotal
  /** Only the whole schema's cost is held against a limit: the schema is what it was. */
  readonly isUnchanged: boolean
}

/** The scope of a root schema. */
export function rootScope(schema: JsonObject, isUnchanged: boolean): RuleScope {
  return { schema, isResource: true, cardinality: 1, costs: { total: 0, expensive: [] }, isUnchanged }
}

/** The scope of a level below. */
export function childScope(scope: RuleScope, schema: JsonObject): RuleScope {
  const most = mostElements(scope.schema)
  const { cardinality } = scope
  return {
    ...scope,
    schema,
    isResource: schema['x-kubernetes-embedded-resource'] === true,
    cardinality: cardinality === undefined || most === undefined ? undefined : product(cardinality, most),
  }
}

/** By how much a level multiplies the values below it. Source: `extractMaxElements`. */
function mostElements(schema: JsonObject): number | undefined {
  const limit = (key: string): number | undefined => {
    const value = schema[key]
    return typeof value === 'number' ? Math.max(0, value) : undefined
  }
  if (schema['type'] === 'array') return limit('maxItems')
  return schema['type'] === 'object' && schema['additionalProperties'] !== undefined ? limit('maxProperties') : 1
}

function product(a: number, b: number): number {
  return Math.min(a * b, countless)
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired']

/** What a rule says besides its expressions. */
export function validateRuleTexts(schema: JsonObject, field: string): Causes {
  return rulesOf(schema).flatMap(({ rule, message, messageExpression, reason, fieldPath }, index) => {
    const at = `${field}.x-kubernetes-validations[${index}]`
    return [
      ...validateText(rule, message, at),
      ...when(messageExpression !== '' && messageExpression.trim() === '', () =>
        required(`${at}.messageExpression`, 'messageExpression must be non-empty if specified'),
      ),
      ...when(reason !== undefined && !reasons.includes(reason), () => notSupported(`${at}.reason`, reason, reasons)),
      ...validateFieldPath(schema, fieldPath, `${at}.fieldPath`),
    ]
  })
}

function validateText(rule: string, message: string, at: string): Causes {
  if (rule.trim() === '') return [required(`${at}.rule`, 'rule is not specified')]
  const text = message.trim()
  if (message !== '' && text === '') return [invalidValue(`${at}.message`, message, 'must be non-empty if specified')]
  if (hasNewline(text)) return [invalidValue(`${at}.message`, message, 'must not contain line breaks')]
  return when(hasNewline(rule.trim()) && text === '', () =>
    required(`${at}.message`, 'message must be specified if rule contains line breaks'),
  )
}

function hasNewline(text: string): boolean {
  return /[\n\r]/.test(text)
}

function validateFieldPath(schema: JsonObject, path: string, at: string): Causes {
  if (path === '') return []
  const isValid = unreadable(schema) !== undefined || followFieldPath(path, schema).type === 'found'
  return [
    ...when(path.trim() === '', () => invalidValue(at, path, 'must be non-empty if specified')),
    ...when(hasNewline(path), () => invalidValue(at, path, 'must not contain line breaks')),
    ...when(!isValid, () => invalidValue(at, path, 'must be a valid path')),
  ]
}

/** Compiles the rules of a level, and counts what they can cost. */
export function validateRules(
  schema: JsonObject,
  field: string,
  scope: RuleScope,
  { uncorrelated }: { readonly uncorrelated: string | undefined },
): Causes {
  const rules = rulesOf(schema)
  if (rules.length === 0) return []
  const type: SchemaType | undefined = schemaType(schema, scope.isResource)
  const at = `${field}.x-kubernetes-validations`
  if (type === undefined) {
    const problem = 'unable to convert structural schema to CEL declarations'
    const words = 'failed to construct type information for x-kubernetes-validations rules'
    return [internalError(at, `internal error: ${words}: ${problem}`)]
  }
  return compileRules(rules, type).flatMap((compiled, index) => [
    ...validateCost(compiled, `${at}[${index}]`, scope),
    ...validateExpressions(compiled, goRuleAt(schema, index), `${at}[${index}]`),
    ...validateMessageCost(compiled, `${at}[${index}]`, scope),
    ...validateOldSelf(compiled, `${at}[${index}]`, uncorrelated),
  ])
}

type Shown = ReturnType<typeof goRule>

function goRuleAt(schema: JsonObject, index: number): Shown {
  const list = schema['x-kubernetes-validations']
  return goRule(isJsonList(list) ? (list[index] ?? null) : null)
}

function maxCostOf(expression: CompiledExpression | undefined): number {
  return expression?.type === 'program' ? expression.maxCost : 0
}

function validateCost({ condition, maxCardinality }: CompiledRule, at: string, scope: RuleScope): Causes {
  const cost = product(maxCostOf(condition), scope.cardinality ?? (condition?.type === 'program' ? maxCardinality : 0))
  observe(scope.costs, `${at}.rule`, cost)
  return when(!scope.isUnchanged && cost > mostPerExpression, () =>
    forbiddenField(`${at}.rule`, tooExpensive('estimated rule cost', cost, mostPerExpression)),
  )
}

function validateExpressions({ condition, message }: CompiledRule, shown: Shown, at: string): Causes {
  return [
    ...(condition?.type === 'invalid' ? [invalidValue(`${at}.rule`, shown, condition.problem)] : []),
    ...(message?.type === 'invalid' ? [invalidValue(`${at}.messageExpression`, shown, message.problem)] : []),
  ]
}

function validateMessageCost({ message }: CompiledRule, at: string, scope: RuleScope): Causes {
  if (message?.type !== 'program') return []
  observe(scope.costs, `${at}.messageExpression`, message.maxCost)
  return when(!scope.isUnchanged && message.maxCost > mostPerExpression, () =>
    forbiddenField(
      `${at}.messageExpression`,
      tooExpensive('estimated messageExpression cost', message.maxCost, mostPerExpression),
    ),
  )
}

function validateOldSelf({ rule, usesOldSelf }: CompiledRule, at: string, uncorrelated: string | undefined): Causes {
  if (usesOldSelf) {
    return when(uncorrelated !== undefined, () =>
      invalidValue(
        `${at}.rule`,
        rule.rule,
        `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`,
      ),
    )
  }
  return when(rule.optionalOldSelf !== undefined, () =>
    invalidValue(`${at}.optionalOldSelf`, rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule'),
  )
}

/** The four most expensive are named when all together are too much. Source: `ObserveExpressionCost`. */
function observe(costs: CostTotal, field: string, cost: number): void {
  costs.total = Math.min(costs.total + cost, countless)
  if (cost < mostPerSchema / 100) return
  costs.expensive = [...costs.expensive, { field, cost }].toSorted((a, b) => b.cost - a.cost).slice(0, 4)
}

/** What all rules of a schema together can cost. */
export function validateTotalCost({ total, expensive }: CostTotal, field: string): Causes {
  if (total <= mostPerSchema) return []
  const all = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema'
  return [
    ...expensive.map((one) =>
      forbiddenField(
        one.field,
        'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
      ),
    ),
    forbiddenField(field, tooExpensive(all, total, mostPerSchema)),
  ]
}

function tooExpensive(what: string, cost: number, limit: number): string {
  const factor = cost / limit
  const shown = factor > 100 ? 'more than 100x' : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`
  return `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`
}
