/**
 * `x-kubernetes-validations` of one schema: compiled, with what they can cost. Source: apiextensions-apiserver
 * `pkg/apiserver/schema/cel/compilation.go`.
 */
import { isJsonList, isJsonObject, type JsonObject } from '../json.ts'
import { compile } from './compile.ts'
import { estimateCost } from './cost-estimate.ts'
import { createEnvironment, type Environment, extendEnvironment } from './environment.ts'
import { authorizerLibrary } from './library/authorizer.ts'
import { kubernetesLibraries } from './library/kubernetes.ts'
import type { Program } from './program.ts'
import { celTypeOf, maxRequestBytes, type SchemaType, schemaTypeProvider, sizeAt } from './schema-types.ts'
import { type CelType, celTypes, optionalOf } from './types.ts'

/** A rule as its author wrote it. */
export type Rule = {
  readonly rule: string
  readonly message: string
  readonly messageExpression: string
  readonly reason: string | undefined
  readonly fieldPath: string
  readonly optionalOldSelf: boolean | undefined
}

/** An expression with the most that it can cost, or what is wrong with it. */
export type CompiledExpression =
  | { readonly type: 'program'; readonly program: Program; readonly maxCost: number }
  | { readonly type: 'invalid'; readonly problem: string }

export type CompiledRule = {
  readonly rule: Rule
  /** Absent for an empty rule. */
  readonly condition?: CompiledExpression
  readonly usesOldSelf: boolean
  readonly message?: CompiledExpression
  /** How often the rule can be run where no list or map around it says how large it becomes. */
  readonly maxCardinality: number
}

/** The rules of a schema itself, not of those below it. */
export function rulesOf(schema: JsonObject): readonly Rule[] {
  const rules = schema['x-kubernetes-validations']
  return (isJsonList(rules) ? rules : []).filter(isJsonObject).map((rule) => ({
    rule: textOf(rule['rule']),
    message: textOf(rule['message']),
    messageExpression: textOf(rule['messageExpression']),
    reason: typeof rule['reason'] === 'string' ? rule['reason'] : undefined,
    fieldPath: textOf(rule['fieldPath']),
    optionalOldSelf: typeof rule['optionalOldSelf'] === 'boolean' ? rule['optionalOldSelf'] : undefined,
  }))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

let base: Environment | undefined

/** Upstream declares the authorizer's functions here too, though no rule has an authorizer. */
function baseEnvironment(): Environment {
  base ??= createEnvironment({ libraries: [...kubernetesLibraries, authorizerLibrary] })
  return base
}

/** Compiles rules about values of a type. */
export function compileRules(rules: readonly Rule[], type: SchemaType): readonly CompiledRule[] {
  if (rules.length === 0) return []
  const self = celTypeOf(type)
  const provider = schemaTypeProvider(type)
  const environmentOf = (oldSelf: CelType): Environment =>
    extendEnvironment(baseEnvironment(), { variables: { self, oldSelf }, provider })
  const usual = environmentOf(self)
  // At least one comma stands between two values.
  const maxCardinality = Math.trunc(maxRequestBytes / (type.minSize + 1))
  return rules.map((rule) => {
    const environment = rule.optionalOldSelf === true ? environmentOf(optionalOf(self)) : usual
    return { ...compileRule(rule, environment, type), maxCardinality }
  })
}

function compileRule(rule: Rule, environment: Environment, type: SchemaType): Omit<CompiledRule, 'maxCardinality'> {
  if (rule.rule.trim() === '') return { rule, usesOldSelf: false }
  const condition = compileOne(rule.rule, environment, type, celTypes.bool, {
    failed: 'compilation failed: ',
    wrongType: 'cel expression must evaluate to a bool',
    noProgram: 'program instantiation failed: ',
  })
  if (condition.type === 'invalid') return { rule, condition, usesOldSelf: false }
  const references = [...condition.program.ast.references.values()]
  const usesOldSelf = references.some((reference) => reference.type === 'variable' && reference.name === 'oldSelf')
  if (rule.messageExpression === '') return { rule, condition, usesOldSelf }
  const message = compileOne(rule.messageExpression, environment, type, celTypes.string, {
    failed: 'messageExpression compilation failed: ',
    wrongType: 'messageExpression must evaluate to a string',
    noProgram: 'messageExpression instantiation failed: ',
  })
  return { rule, condition, usesOldSelf, message }
}

/** `noProgram`: the types are right, but a literal pattern or conversion is not. */
type Words = { readonly failed: string; readonly wrongType: string; readonly noProgram: string }

function compileOne(
  source: string,
  environment: Environment,
  type: SchemaType,
  wanted: CelType,
  words: Words,
): CompiledExpression {
  const compiled = compile(environment, source)
  if (compiled.type === 'issues') {
    return {
      type: 'invalid',
      problem: `${compiled.stage === 'check' ? words.failed : words.noProgram}${compiled.text}`,
    }
  }
  const { program } = compiled
  if (program.outputType.kind !== wanted.kind) return { type: 'invalid', problem: words.wrongType }
  const cost = estimateCost(environment, program.ast, (path) => sizeAt(type, path))
  return { type: 'program', program, maxCost: cost.max }
}
