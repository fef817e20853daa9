/**
 * Compiles the expressions of policies and of match conditions, where they are written and where they are evaluated: both must
 * take the same. An expression that does not compile is a value, because a stored policy is judged when it is used.
 * Source: upstream's `admission/plugin/cel` (compile.go, composition.go).
 */
import { compile } from '../../../apimachinery/cel/compile.ts'
import { type Environment, extendEnvironment } from '../../../apimachinery/cel/environment.ts'
import { authorizerLibrary, authorizerType, resourceCheckType } from '../../../apimachinery/cel/library/authorizer.ts'
import { jsonPatchLibrary } from '../../../apimachinery/cel/library/json-patch.ts'
import { baseEnvironment } from '../../../apimachinery/cel/library/kubernetes.ts'
import type { ObjectField } from '../../../apimachinery/cel/object-type.ts'
import type { Program } from '../../../apimachinery/cel/program.ts'
import { type CelType, celTypes, listOf, objectType, typeName } from '../../../apimachinery/cel/types.ts'
import { admissionTypes, namespaceType, requestType } from './admission-types.ts'
import { applyConfigurationType, jsonPatchType, patchTypes } from './patch-types.ts'

/** Which variables an expression may name besides `object`, `oldObject`, `request` and `namespaceObject`. */
export type OptionalVariables = {
  readonly params: boolean
  readonly authorizer: boolean
  /** `Object{…}` and `JSONPatch{…}`. */
  readonly patches?: boolean
}

/** One expression: ready to run, or what is wrong with it in upstream's words. */
export type CompiledExpression = {
  readonly source: string
  readonly program?: Program
  readonly problem?: string
  /** The source is right and yet no program could be made of it. */
  readonly isInternal?: true
}

/** Compiles the expressions of one policy: those that come later may use the variables that came before. */
export type PolicyCompiler = {
  readonly compile: (source: string, results: readonly CelType[], optional: OptionalVariables) => CompiledExpression
  readonly addVariable: (name: string, source: string, optional: OptionalVariables) => CompiledExpression
}

/** The result types of each kind of expression; `any` takes everything. */
export const resultTypes = {
  condition: [celTypes.bool],
  message: [celTypes.string],
  auditAnnotation: [celTypes.string, celTypes.null],
  variable: [celTypes.any, celTypes.dyn],
  applyConfiguration: [applyConfigurationType],
  jsonPatch: [listOf(jsonPatchType)],
} as const satisfies Readonly<Record<string, readonly CelType[]>>

/** The struct behind the variable `variables`. */
export const variablesTypeName = 'kubernetes.variables'

const base = extendEnvironment(baseEnvironment(), {
  libraries: [authorizerLibrary],
  provider: admissionTypes,
  variables: {
    object: celTypes.dyn,
    oldObject: celTypes.dyn,
    namespaceObject: namespaceType,
    request: requestType,
  },
})
const environments = new Map<string, Environment>()

/** Shared by all policies; there are eight of them. */
function environmentFor({ params, authorizer, patches = false }: OptionalVariables): Environment {
  const key = `${params} ${authorizer} ${patches}`
  const known = environments.get(key)
  if (known !== undefined) return known
  const made = extendEnvironment(base, {
    variables: {
      ...(params ? { params: celTypes.dyn } : {}),
      ...(authorizer ? { authorizer: authorizerType, 'authorizer.requestResource': resourceCheckType } : {}),
    },
    ...(patches ? { provider: patchTypes, libraries: [jsonPatchLibrary] } : {}),
  })
  environments.set(key, made)
  return made
}

/** A compiler for expressions that know no variables of their own. */
export const plainCompiler: Pick<PolicyCompiler, 'compile'> = {
  compile: (source, results, optional) => compileIn(environmentFor(optional), source, results),
}

/** A compiler for one policy, with `variables`; `environmentOf` is there for the type check, which knows more of the types. */
export function createPolicyCompiler(
  environmentOf: (optional: OptionalVariables) => Environment = environmentFor,
): PolicyCompiler {
  const fields = new Map<string, ObjectField>()
  const provider = {
    find: (name: string) => (name === variablesTypeName ? { name, fields } : undefined),
  }
  const variables = { variables: objectType(variablesTypeName) }
  const compileHere: PolicyCompiler['compile'] = (source, results, optional) =>
    compileIn(extendEnvironment(environmentOf(optional), { provider, variables }), source, results)
  return {
    compile: compileHere,
    addVariable: (name, source, optional) => {
      const compiled = compileHere(source, resultTypes.variable, optional)
      fields.set(name, { type: fieldTypeOf(compiled.program?.outputType) })
      return compiled
    },
  }
}

/** Compiles and holds the type of the result against what is wanted. */
export function compileIn(environment: Environment, source: string, results: readonly CelType[]): CompiledExpression {
  const compiled = compile(environment, source)
  if (compiled.type === 'issues') {
    const { stage, text } = compiled
    return stage === 'check'
      ? { source, problem: `compilation failed: ${text}` }
      : { source, problem: `program instantiation failed: ${text}`, isInternal: true }
  }
  const { program } = compiled
  const wanted = results.map(goTypeName)
  const got = goTypeName(program.outputType)
  if (results.some(({ kind }) => kind === 'any') || wanted.includes(got)) return { source, program }
  const what = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(' ')}]`
  return { source, problem: `must evaluate to ${what} but got ${got}` }
}

/** A type as Go's `cel.Type.String()` prints it, which is not how issues print it. */
function goTypeName(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${goTypeName(type.items)})`
    case 'map':
      return `map(${goTypeName(type.keys)}, ${goTypeName(type.values)})`
    case 'opaque':
      return type.parameters.length === 0 ? type.name : `${type.name}(${type.parameters.map(goTypeName).join(', ')})`
    case 'type':
      return type.of === undefined ? 'type' : `type(${goTypeName(type.of)})`
    default:
      return typeName(type)
  }
}

const plainKinds: ReadonlySet<CelType['kind']> = new Set([
  'any',
  'bool',
  'bytes',
  'double',
  'duration',
  'int',
  'null',
  'string',
  'timestamp',
  'uint',
])

/** The type of a variable as later expressions see it: structs and libraries' types are not known to them. */
function fieldTypeOf(type: CelType | undefined): CelType {
  if (type === undefined) return celTypes.dyn
  if (type.kind === 'list') return { kind: 'list', items: fieldTypeOf(type.items) }
  if (type.kind === 'map') return { kind: 'map', keys: fieldTypeOf(type.keys), values: fieldTypeOf(type.values) }
  return plainKinds.has(type.kind) ? type : celTypes.dyn
}
