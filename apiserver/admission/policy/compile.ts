/** A policy's expressions, compiled together because they share its variables. */
import {
  type CompiledExpression,
  createPolicyCompiler,
  type PolicyCompiler,
  resultTypes,
} from '../../../api/admissionregistration/cel/compiler.ts'
import type {
  MatchCondition,
  MutatingAdmissionPolicy,
  Mutation,
  ParamKind,
  ValidatingAdmissionPolicy,
  Variable,
} from '../../../api/admissionregistration/v1.ts'

/** What policies of both kinds have. */
type Common = {
  readonly variables: ReadonlyMap<string, CompiledExpression>
  readonly conditions: readonly CompiledExpression[]
}
export type CompiledValidatingPolicy = Common & {
  readonly validations: readonly CompiledExpression[]
  /** One for each validation; absent where there is no `messageExpression`. */
  readonly messages: readonly (CompiledExpression | undefined)[]
  readonly auditAnnotations: readonly CompiledExpression[]
}
export type CompiledMutatingPolicy = Common & { readonly mutations: readonly CompiledExpression[] }

type Spec = {
  readonly paramKind?: ParamKind
  readonly variables?: readonly Variable[]
  readonly matchConditions?: readonly MatchCondition[]
}

function compileCommon(compiler: PolicyCompiler, spec: Spec): Common & { readonly params: boolean } {
  const params = spec.paramKind !== undefined
  const optional = { params, authorizer: true }
  return {
    params,
    variables: new Map(
      (spec.variables ?? []).map(({ name, expression }) => [name, compiler.addVariable(name, expression, optional)]),
    ),
    conditions: (spec.matchConditions ?? []).map(({ expression }) =>
      compiler.compile(expression, resultTypes.condition, optional),
    ),
  }
}

/** What does not compile is refused when it is used. */
export function compileValidatingPolicy({ spec }: ValidatingAdmissionPolicy): CompiledValidatingPolicy {
  const compiler = createPolicyCompiler()
  const { params, ...common } = compileCommon(compiler, spec)
  const { validations = [], auditAnnotations = [] } = spec
  return {
    ...common,
    validations: validations.map(({ expression }) =>
      compiler.compile(expression, resultTypes.condition, { params, authorizer: true }),
    ),
    messages: validations.map(({ messageExpression = '' }) =>
      messageExpression === ''
        ? undefined
        : compiler.compile(messageExpression, resultTypes.message, { params, authorizer: false }),
    ),
    auditAnnotations: auditAnnotations.map(({ valueExpression }) =>
      compiler.compile(valueExpression, resultTypes.auditAnnotation, { params, authorizer: true }),
    ),
  }
}

/** What does not compile is refused when it is used. */
export function compileMutatingPolicy({ spec }: MutatingAdmissionPolicy): CompiledMutatingPolicy {
  const compiler = createPolicyCompiler()
  const { params, ...common } = compileCommon(compiler, spec)
  const optional = { params, authorizer: true, patches: true }
  return {
    ...common,
    mutations: (spec.mutations ?? []).map((mutation) =>
      compiler.compile(expressionOf(mutation), resultsOf(mutation), optional),
    ),
  }
}

function expressionOf({ patchType, applyConfiguration, jsonPatch }: Mutation): string {
  return (patchType === 'JSONPatch' ? jsonPatch : applyConfiguration)?.expression ?? ''
}

function resultsOf({ patchType }: Mutation) {
  return patchType === 'JSONPatch' ? resultTypes.jsonPatch : resultTypes.applyConfiguration
}
