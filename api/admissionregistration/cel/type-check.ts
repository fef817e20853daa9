/**
 * Holds a policy's validations against the types of the objects they are about. What is found is a warning in the policy's status
 * and changes nothing: schemas come and go. Source: upstream's `validating/typechecking.go`.
 */
import { type Environment, extendEnvironment } from '../../../apimachinery/cel/environment.ts'
import { authorizerLibrary, authorizerType } from '../../../apimachinery/cel/library/authorizer.ts'
import { baseEnvironment } from '../../../apimachinery/cel/library/kubernetes.ts'
import { firstOf, type ObjectField, type ObjectType, typesByName } from '../../../apimachinery/cel/object-type.ts'
import type { SchemaType } from '../../../apimachinery/cel/schema-types.ts'
import { type CelType, celTypes, listOf, mapOf, objectType } from '../../../apimachinery/cel/types.ts'
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '../v1.ts'
import { admissionTypes, namespaceType, requestType } from './admission-types.ts'
import { createPolicyCompiler } from './compiler.ts'

/** A kind that the policy is about, and what its schema says. */
export type TypedKind = {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly type: SchemaType
}

/** The warnings of one policy; `params` is the type of its parameters, where that is known. */
export function typeWarnings(
  { spec }: ValidatingAdmissionPolicy,
  kinds: readonly TypedKind[],
  params: SchemaType | undefined,
): readonly ExpressionWarning[] {
  const environments = kinds.map((kind) => ({ kind, environment: typedEnvironment(kind, params, spec) }))
  const check = (fieldRef: string, expression: string): readonly ExpressionWarning[] => {
    const found = environments.flatMap(({ kind, environment }) => {
      const problem = problemIn(environment, spec, expression)
      return problem === undefined ? [] : [`${nameOf(kind)}: ${problem}\n`]
    })
    return found.length === 0 ? [] : [{ fieldRef, warning: found.join('\n') }]
  }
  return (spec.validations ?? []).flatMap(({ expression, messageExpression = '' }, index) => [
    ...check(`spec.validations[${index}].expression`, expression),
    ...(messageExpression === '' ? [] : check(`spec.validations[${index}].messageExpression`, messageExpression)),
  ])
}

/** As Go prints a `GroupVersionKind`. */
function nameOf({ group, version, kind }: TypedKind): string {
  return `${group}/${version}, Kind=${kind}`
}

type Spec = ValidatingAdmissionPolicy['spec']

function problemIn(environment: Environment, spec: Spec, expression: string): string | undefined {
  const compiler = createPolicyCompiler(() => environment)
  const optional = { params: spec.paramKind !== undefined, authorizer: true }
  for (const { name, expression: source } of spec.variables ?? []) compiler.addVariable(name, source, optional)
  const { problem } = compiler.compile(expression, [celTypes.any], optional)
  return problem?.replace('compilation failed: ', '')
}

function typedEnvironment(object: TypedKind, params: SchemaType | undefined, { paramKind }: Spec): Environment {
  const structs = new Map<string, ObjectType>()
  // Structs are called after their kinds: what variables are called would be taken for them.
  const own = declare(object.type, object.kind, structs)
  const variables = { object: own, oldObject: own, namespaceObject: namespaceType, request: requestType }
  const paramsType = params === undefined ? celTypes.dyn : declare(params, `${paramKind?.kind ?? ''}Params`, structs)
  return extendEnvironment(baseEnvironment(), {
    libraries: [authorizerLibrary],
    variables: { ...variables, authorizer: authorizerType, ...(paramKind === undefined ? {} : { params: paramsType }) },
    provider: firstOf([typesByName(structs.values()), admissionTypes]),
  })
}

/** The checker's type; structs are called by their path. */
function declare(type: SchemaType, path: string, structs: Map<string, ObjectType>): CelType {
  const { kind, elements, fields = new Map<string, SchemaType>() } = type
  if (kind === 'list' || kind === 'map') {
    const inside = elements === undefined ? celTypes.dyn : declare(elements, `${path}.@elem`, structs)
    return kind === 'list' ? listOf(inside) : mapOf(celTypes.string, inside)
  }
  if (kind !== 'object') return celTypes[kind]
  const declared = [...fields].map(([field, one]): [string, ObjectField] => [
    field,
    { type: declare(one, `${path}.${field}`, structs) },
  ])
  structs.set(path, { name: path, fields: new Map(declared) })
  return objectType(path)
}
