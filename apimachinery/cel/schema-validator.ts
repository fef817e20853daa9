/**
 * Holds objects to the rules (`x-kubernetes-validations`) of their schema. Rules are compiled when a value first meets them.
 * Source: apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go`, KEP-2876, KEP-4008 (ratcheting).
 */
import { duplicate, forbiddenField, formatValue, goQuote, invalidValue, required } from '../field-errors.ts'
import { getOwn, isJsonList, isJsonObject, type Json, type JsonObject } from '../json.ts'
import { correlatedItem, isUnchanged, schemaOfKey } from '../schema/correlation.ts'
import { followFieldPath } from '../schema/field-path.ts'
import { schemaAt } from '../schema/structural.ts'
import type { StatusCause } from '../status.ts'
import { CelError, CostLimitError, InterruptedError } from './errors.ts'
import type { EvaluateOptions } from './frame.ts'
import type { Activation, Program } from './program.ts'
import { type CompiledRule, compileRules, type Rule, rulesOf } from './schema-rules.ts'
import { schemaType } from './schema-types.ts'
import { schemaValue } from './schema-values.ts'
import { type CelValue, optionalNone, optionalValue } from './values.ts'

/** Source: `PerCallLimit`. */
const perCallLimit = 1_000_000
/** Source: `RuntimeCELCostBudget`: all rules of one object together. */
export const costBudget = 10_000_000
/** Source: `MaxEvaluatedMessageExpressionSizeBytes`. */
const mostMessageBytes = 5 * 1024

export type RuleInput = {
  readonly value: Json
  /** The stored object, or absent when there is none. */
  readonly old?: Json
  /** Whether what an update has left as it was is let through. */
  readonly ratcheting: boolean
  readonly path?: string
  readonly budget?: number
  /** Says when the rules have taken too long. */
  readonly interrupted?: () => boolean
}

export type RuleResult = {
  readonly causes: readonly StatusCause[]
  /** What was wrong before the update too. */
  readonly warnings: readonly StatusCause[]
  /** What is left of the budget; below 0 when it was not enough. */
  readonly remaining: number
}

/** The rules of a schema and of all below it. */
export type RuleValidator = (input: RuleInput) => RuleResult

/** The rules of a schema, or `undefined` when it has none. `isResource`: the root, or an embedded resource. */
export function ruleValidator(schema: JsonObject, isResource: boolean): RuleValidator | undefined {
  const node = nodeOf(schema, isResource)
  if (node === undefined) return undefined
  return ({ value, old, ratcheting, path = '', budget = costBudget, interrupted }) => {
    const run = new Run(budget, { costLimit: perCallLimit, ...(interrupted === undefined ? {} : { interrupted }) })
    const correlation = ratcheting && old !== undefined ? { current: new Correlation(schema, value, old) } : {}
    run.validate(node, path, value, old ?? null, correlation)
    return { causes: run.causes, warnings: run.warnings, remaining: run.budget }
  }
}

/** A level with rules, or above one. */
type Node = {
  readonly schema: JsonObject
  readonly isResource: boolean
  readonly rules: () => readonly CompiledRule[]
  readonly items?: Node
  readonly values?: Node
  readonly properties: ReadonlyMap<string, Node>
}

function nodeOf(schema: JsonObject, isResource = schema['x-kubernetes-embedded-resource'] === true): Node | undefined {
  const items = nodeAt(schema, 'items')
  const values = nodeAt(schema, 'additionalProperties')
  const properties = new Map<string, Node>()
  for (const [name, property] of Object.entries(schemaAt(schema, 'properties') ?? {})) {
    const node = isJsonObject(property) ? nodeOf(property) : undefined
    // What expressions cannot name is not held to rules either.
    if (node !== undefined && schemaType(node.schema, node.isResource) !== undefined) properties.set(name, node)
  }
  const rules = rulesOf(schema)
  if (rules.length === 0 && items === undefined && values === undefined && properties.size === 0) return undefined
  let compiled: readonly CompiledRule[] | undefined
  return {
    schema,
    isResource,
    rules: () => {
      compiled ??= compileFor(schema, isResource, rules)
      return compiled
    },
    ...(items === undefined ? {} : { items }),
    ...(values === undefined ? {} : { values }),
    properties,
  }
}

function nodeAt(schema: JsonObject, key: string): Node | undefined {
  const inner = schemaAt(schema, key)
  return inner === undefined ? undefined : nodeOf(inner)
}

function compileFor(schema: JsonObject, isResource: boolean, rules: readonly Rule[]): readonly CompiledRule[] {
  const type = rules.length === 0 ? undefined : schemaType(schema, isResource)
  return type === undefined ? [] : compileRules(rules, type)
}

/** A value with its old state, as far as they belong together; whether they are equal is found out once. */
class Correlation {
  readonly #schema: JsonObject
  readonly #value: Json
  readonly #old: Json
  #isUnchanged: boolean | undefined

  constructor(schema: JsonObject, value: Json, old: Json) {
    this.#schema = schema
    this.#value = value
    this.#old = old
  }

  get isUnchanged(): boolean {
    this.#isUnchanged ??= isUnchanged(this.#schema, this.#value, this.#old)
    return this.#isUnchanged
  }

  key(field: string): Correlation | undefined {
    const value = isJsonObject(this.#value) ? getOwn(this.#value, field) : undefined
    const old = isJsonObject(this.#old) ? getOwn(this.#old, field) : undefined
    const schema = schemaOfKey(this.#schema, field)
    return value === undefined || old === undefined || schema === undefined
      ? undefined
      : new Correlation(schema, value, old)
  }

  item(value: Json): Correlation | undefined {
    const items = schemaAt(this.#schema, 'items')
    const old = correlatedItem(this.#schema, this.#old)?.(value)
    return items === undefined || old === undefined ? undefined : new Correlation(items, value, old)
  }
}

/** Errors of a level are let through when the level, or else the nearest one that has an old state, is what it was. */
type Ratchet = { readonly current?: Correlation | undefined; readonly nearest?: Correlation | undefined }

function ratchetAt({ current, nearest }: Ratchet, field: string): Ratchet {
  if (current === undefined) return { nearest }
  // Both objects are seen in the same version, so that a change of it does not show.
  if (nearest === undefined && (field === 'apiVersion' || field === 'kind')) return {}
  return { current: current.key(field), nearest: current }
}

const outOfBudget = 'validation failed due to running out of cost budget, no further validation rules will be run'

/** One pass over an object. Stops when the budget is used up. */
class Run {
  readonly causes: StatusCause[] = []
  readonly warnings: StatusCause[] = []
  budget: number
  readonly #options: EvaluateOptions

  constructor(budget: number, options: EvaluateOptions) {
    this.budget = budget
    this.#options = options
  }

  validate(node: Node, path: string, value: Json, old: Json, ratchet: Ratchet): void {
    if (value === null || this.budget < 0) return
    this.#runRules(node, path, value, old, ratchet)
    if (isJsonList(value)) this.#items(node, path, value, old, ratchet)
    else if (isJsonObject(value)) this.#fields(node, path, value, isJsonObject(old) ? old : {}, ratchet)
  }

  #items({ schema, items }: Node, path: string, list: readonly Json[], old: Json, ratchet: Ratchet): void {
    if (items === undefined) return
    const before = correlatedItem(schema, old)
    for (const [index, item] of list.entries()) {
      const inner =
        ratchet.current === undefined ? ratchet : { current: ratchet.current.item(item), nearest: ratchet.current }
      this.validate(items, `${path}[${index}]`, item, before?.(item) ?? null, inner)
    }
  }

  #fields({ values, properties }: Node, path: string, object: JsonObject, old: JsonObject, ratchet: Ratchet): void {
    for (const key of Object.keys(object)) {
      const node = properties.get(key) ?? values
      const value = object[key]
      if (node === undefined || value === undefined) continue
      const at = node === values ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
      this.validate(node, at, value, getOwn(old, key) ?? null, ratchetAt(ratchet, key))
    }
  }

  #runRules(node: Node, path: string, value: Json, old: Json, ratchet: Ratchet): void {
    const rules = node.rules()
    if (rules.length === 0) return
    if (this.budget <= 0) {
      this.#stop(invalidValue(fieldOf(path), typeOf(node), outOfBudget))
      return
    }
    const variables = variablesOf(node, value, old)
    for (const rule of rules) {
      this.#runRule(rule, { node, path, value, old, ratchet, ...variables })
      if (this.budget < 0) return
    }
  }

  #stop(cause: StatusCause): void {
    this.causes.push(cause)
    this.budget = -1
  }

  #runRule(compiled: CompiledRule, at: Place): void {
    const { rule, condition, usesOldSelf } = compiled
    const { node, path, old } = at
    if (condition === undefined) return
    const wrong = (words: string): StatusCause => invalidValue(fieldOf(path), typeOf(node), words)
    if (condition.type === 'invalid') {
      this.causes.push(wrong(`rule compile error: ${condition.problem}`))
      return
    }
    if (usesOldSelf && old === null && rule.optionalOldSelf !== true) return
    const result = evaluate(condition.program, rule.optionalOldSelf === true ? at.optional : at.usual, this.#options)
    if (result.cost > this.budget) {
      this.#stop(wrong(outOfBudget))
      return
    }
    this.budget -= result.cost
    const shown = shownRule(rule)
    switch (result.type) {
      case 'value':
        if (result.value !== true) this.#fail(compiled, at)
        return
      case 'costLimit':
        this.#stop(
          wrong(
            `'${result.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`,
          ),
        )
        return
      case 'interrupted': {
        const more = 'no further validation rules will be run due to the time taken by rule'
        this.#stop(wrong(`${result.message}: ${more}: ${shown}`))
        return
      }
      case 'error':
        this.causes.push(
          wrong(
            result.message.startsWith('no such overload')
              ? `'${result.message}': call arguments did not match a supported operator, function or macro signature for rule: ${shown}`
              : `${result.message} evaluating rule: ${shown}`,
          ),
        )
    }
  }

  #fail(compiled: CompiledRule, at: Place): void {
    const { rule, message } = compiled
    const { node, path, value } = at
    const where = ruleField(path, rule, node.schema)
    const add = (cause: StatusCause): void => this.#add(compiled, at, cause)
    let detail: string | undefined
    if (message?.type === 'program') {
      const result = evaluate(message.program, at.usual, this.#options)
      if (result.cost > this.budget || result.type === 'costLimit' || result.type === 'interrupted') {
        const words =
          result.cost > this.budget
            ? 'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run'
            : `no further validation rules will be run due to ${result.type === 'costLimit' ? 'call cost exceeds limit for' : 'the time taken by'} messageExpression: ${goQuote(rule.messageExpression)}`
        add(invalidValue(where, typeOf(node), words))
        this.budget = -1
        return
      }
      this.budget -= result.cost
      detail = result.type === 'value' ? messageOf(result.value) : undefined
    }
    add(causeFor(rule, where, node, value, detail ?? defaultMessage(rule)))
  }

  #add({ usesOldSelf }: CompiledRule, { ratchet }: Place, cause: StatusCause): void {
    const isOld = !usesOldSelf && (ratchet.current ?? ratchet.nearest)?.isUnchanged === true
    if (isOld) this.warnings.push(cause)
    else this.causes.push(cause)
  }
}

type Variables = { readonly usual: Activation; readonly optional: Activation }
type Place = Variables & {
  readonly node: Node
  readonly path: string
  readonly value: Json
  readonly old: Json
  readonly ratchet: Ratchet
}

function variablesOf({ schema, isResource }: Node, value: Json, old: Json): Variables {
  const once = (json: Json): (() => CelValue) => {
    let made: CelValue | undefined
    return () => {
      made ??= schemaValue(json, schema, isResource)
      return made
    }
  }
  const self = once(value)
  if (old === null) return { usual: { self }, optional: { self, oldSelf: optionalNone } }
  const oldSelf = once(old)
  return { usual: { self, oldSelf }, optional: { self, oldSelf: () => optionalValue(oldSelf()) } }
}

type Evaluated =
  | { readonly type: 'value'; readonly value: CelValue; readonly cost: number }
  | { readonly type: 'error' | 'costLimit' | 'interrupted'; readonly message: string; readonly cost: number }

function evaluate(program: Program, variables: Activation, options: EvaluateOptions): Evaluated {
  try {
    return { type: 'value', ...program.evaluate(variables, options) }
  } catch (error) {
    if (error instanceof InterruptedError) return { type: 'interrupted', message: error.message, cost: 0 }
    if (error instanceof CostLimitError) return { type: 'costLimit', message: error.message, cost: perCallLimit }
    if (error instanceof CelError) return { type: 'error', message: error.message, cost: 0 }
    throw error
  }
}

function fieldOf(path: string): string {
  return path === '' ? '<nil>' : path
}

function typeOf({ schema }: Node): string {
  return typeof schema['type'] === 'string' ? schema['type'] : ''
}

/** Where a rule says that the mistake is. */
function ruleField(path: string, { fieldPath }: Rule, schema: JsonObject): string {
  const found = fieldPath === '' ? undefined : followFieldPath(fieldPath, schema)
  if (found?.type !== 'found') return fieldOf(path)
  return path === '' ? found.path : `${path}.${found.path}`
}

function shownRule({ message, rule }: Rule): string {
  return (message === '' ? rule : message).trim()
}

function defaultMessage({ message, rule }: Rule): string {
  return message === '' ? `failed rule: ${rule.trim()}` : message.trim()
}

/** A message that cannot be shown is replaced by the usual one. */
function messageOf(value: CelValue): string | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  return text === '' || text.includes('\n') || Buffer.byteLength(text) > mostMessageBytes ? undefined : text
}

/** Objects and lists are not shown. */
function causeFor({ reason }: Rule, field: string, node: Node, value: Json, detail: string): StatusCause {
  const isShown = typeOf(node) !== 'object' && typeOf(node) !== 'array'
  switch (reason) {
    case 'FieldValueForbidden':
      return forbiddenField(field, detail)
    case 'FieldValueRequired':
      return required(field, detail)
    case 'FieldValueDuplicate':
      return isShown ? duplicate(field, value) : { reason: 'FieldValueDuplicate', message: 'Duplicate value', field }
    default: {
      const message = `Invalid value${isShown ? `: ${formatValue(value)}` : ''}: ${detail}`
      return { reason: 'FieldValueInvalid', message, field }
    }
  }
}
