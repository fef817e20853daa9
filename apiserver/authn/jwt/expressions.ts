/** Expressions over the claims of a token and over the user that they make. Source: `pkg/authentication/cel`. */
import type { Expression } from '../../../apimachinery/cel/ast.ts'
import { createEnvironment } from '../../../apimachinery/cel/environment.ts'
import type { EvaluateOptions } from '../../../apimachinery/cel/frame.ts'
import { fromJson, toJson } from '../../../apimachinery/cel/json-values.ts'
import { kubernetesLibraries } from '../../../apimachinery/cel/library/kubernetes.ts'
import { noTypes, typesByName } from '../../../apimachinery/cel/object-type.ts'
import type { Program } from '../../../apimachinery/cel/program.ts'
import { celTypes, listOf, mapOf, objectType } from '../../../apimachinery/cel/types.ts'
import { invalidValue } from '../../../apimachinery/field-errors.ts'
import type { Json, JsonObject } from '../../../apimachinery/json.ts'
import type { StatusCause } from '../../../apimachinery/status.ts'
import type { TimeLimit } from '../../cel/time-limit.ts'
import type { UserInfo } from '../../http/request-info.ts'
import { compileExpression, structType } from '../access-expression.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'

const { string } = celTypes
const claimsType = mapOf(string, celTypes.dyn)
const userType = objectType('kubernetes.UserInfo')
const userTypes = typesByName([
  structType('kubernetes.UserInfo', {
    username: string,
    uid: string,
    groups: listOf(string),
    extra: mapOf(string, listOf(string)),
  }),
])
const claimsEnvironment = createEnvironment({ libraries: kubernetesLibraries, variables: { claims: claimsType } })
const userEnvironment = createEnvironment({
  libraries: kubernetesLibraries,
  provider: userTypes,
  variables: { user: userType },
})

/** What an expression over claims makes of them. */
export type ClaimExpression = (claims: JsonObject) => Json
/** A rule: its source for messages, and whether it holds. */
export type CompiledRule<Input> = {
  readonly expression: string
  readonly message: string
  readonly holds: (input: Input) => boolean
}

/** All expressions of one authenticator. */
export type JwtExpressions = {
  readonly username?: ClaimExpression
  readonly groups?: ClaimExpression
  readonly uid?: ClaimExpression
  readonly extra: readonly { readonly key: string; readonly source: string; readonly value: ClaimExpression }[]
  readonly claimRules: readonly CompiledRule<JsonObject>[]
  readonly userRules: readonly CompiledRule<UserInfo>[]
}

/** Compiles them, and says what is wrong with those that do not. */
export function compileJwtExpressions(
  config: JwtAuthenticatorConfig,
  path: string,
  timeLimit?: TimeLimit,
): { readonly expressions: JwtExpressions; readonly causes: readonly StatusCause[] } {
  const causes: StatusCause[] = []
  const asts: ReadonlyMap<'username' | 'others', Expression[]> = new Map([
    ['username', []],
    ['others', []],
  ])
  const { claimMappings, claimValidationRules, userValidationRules } = config
  const program = (source: string, field: string, kind: 'username' | 'others' | 'ignored'): Program | undefined => {
    const compiled = compileExpression(claimsEnvironment, source, field)
    if (compiled.type === 'cause') causes.push(compiled.cause)
    else if (kind !== 'ignored') asts.get(kind)?.push(compiled.program.ast.expression)
    return compiled.type === 'program' ? compiled.program : undefined
  }
  const mapping = (field: 'username' | 'groups' | 'uid'): ClaimExpression | undefined => {
    const { expression } = claimMappings[field]
    const kind = field === 'username' ? 'username' : 'ignored'
    if (expression === '') return undefined
    return evaluator(program(expression, `${path}.claimMappings.${field}.expression`, kind), timeLimit)
  }
  const [username, groups, uid] = [mapping('username'), mapping('groups'), mapping('uid')]
  const extra = claimMappings.extra.flatMap(({ key, valueExpression: source }, index) => {
    const value = evaluator(
      program(source, `${path}.claimMappings.extra[${index}].valueExpression`, 'others'),
      timeLimit,
    )
    return value === undefined ? [] : [{ key, source, value }]
  })
  const claimRules = claimValidationRules.flatMap(({ expression, message }, index) => {
    if (expression === '') return []
    const field = `${path}.claimValidationRules[${index}].expression`
    const compiled = compileExpression(claimsEnvironment, expression, field, [celTypes.bool])
    if (compiled.type === 'cause') {
      causes.push(compiled.cause)
      return []
    }
    asts.get('others')?.push(compiled.program.ast.expression)
    const holds = evaluator(compiled.program, timeLimit)
    return [{ expression, message, holds: (claims: JsonObject) => holds(claims) === true }]
  })
  const userRules = userValidationRules.flatMap(({ expression, message }, index) => {
    const compiled = compileExpression(
      userEnvironment,
      expression,
      `${path}.userValidationRules[${index}].expression`,
      [celTypes.bool],
    )
    if (compiled.type === 'cause') {
      causes.push(compiled.cause)
      return []
    }
    const holds = (user: UserInfo): boolean =>
      compiled.program.evaluate({ user: userValue(user) }, limited(timeLimit)).value === true
    return [{ expression, message, holds }]
  })
  causes.push(...emailCauses(asts, claimMappings.username.expression, `${path}.claimMappings.username.expression`))
  return {
    expressions: {
      ...(username === undefined ? {} : { username }),
      ...(groups === undefined ? {} : { groups }),
      ...(uid === undefined ? {} : { uid }),
      extra,
      claimRules,
      userRules,
    },
    causes,
  }
}

function evaluator(program: Program, timeLimit: TimeLimit | undefined): ClaimExpression
function evaluator(program: Program | undefined, timeLimit: TimeLimit | undefined): ClaimExpression | undefined
function evaluator(program: Program | undefined, timeLimit: TimeLimit | undefined): ClaimExpression | undefined {
  if (program === undefined) return undefined
  return (claims) =>
    toJson(program.evaluate({ claims: fromJson(claims, claimsType, noTypes) }, limited(timeLimit)).value)
}

function limited(timeLimit: TimeLimit | undefined): EvaluateOptions {
  return timeLimit === undefined ? {} : { interrupted: timeLimit() }
}

function userValue({ name, uid, groups, extra }: UserInfo): ReturnType<typeof fromJson> {
  return fromJson({ username: name, uid: uid ?? '', groups: [...groups], extra: extra ?? {} }, userType, userTypes)
}

const emailDetail =
  'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or ' +
  'claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression'

/** Whoever takes the mail address for a name must look whether it was verified. */
function emailCauses(
  asts: ReadonlyMap<'username' | 'others', readonly Expression[]>,
  source: string,
  field: string,
): readonly StatusCause[] {
  const own = asts.get('username') ?? []
  if (!own.some((ast) => selectsClaim(ast, 'email'))) return []
  const all = [...own, ...(asts.get('others') ?? [])]
  return all.some((ast) => selectsClaim(ast, 'email_verified')) ? [] : [invalidValue(field, source, emailDetail)]
}

/** Whether `claims.NAME` or `claims.?NAME` occurs anywhere. */
function selectsClaim(node: Expression, name: string): boolean {
  const inside = (...nodes: readonly (Expression | undefined)[]): boolean =>
    nodes.some((one) => one !== undefined && selectsClaim(one, name))
  switch (node.kind) {
    case 'select':
      return (isClaims(node.operand) && node.field === name) || inside(node.operand)
    case 'call': {
      const [first, second] = node.args
      const isOptional = node.function === '_?._' && second?.kind === 'literal' && second.value === name
      return (isOptional && first !== undefined && isClaims(first)) || inside(node.target, ...node.args)
    }
    case 'list':
      return inside(...node.elements)
    case 'map':
      return inside(...node.entries.flatMap(({ key, value }) => [key, value]))
    case 'struct':
      return inside(...node.fields.map(({ value }) => value))
    case 'comprehension':
      return inside(node.range, node.initial, node.condition, node.step, node.result)
    default:
      return false
  }
}

function isClaims(node: Expression): boolean {
  return node.kind === 'identifier' && node.name === 'claims'
}
