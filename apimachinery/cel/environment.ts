/** What an expression may name: variables, functions, macros, types. Environments are immutable and share their tables. */
import type { FunctionDeclaration, Library, Macro, NodeCheck } from './library.ts'
import { firstOf, noTypes, type TypeProvider } from './object-type.ts'
import { optionalLibrary } from './optional-library.ts'
import { standardLibrary } from './standard-library.ts'
import { type CelType, typeName } from './types.ts'

/** What the caller knows when it makes an environment. */
export type EnvironmentOptions = {
  readonly libraries?: readonly Library[]
  readonly variables?: Readonly<Record<string, CelType>>
  readonly provider?: TypeProvider
  /** Names are looked up in this container first: `a.b` finds `a.b.x` for `x`. */
  readonly container?: string
  /** Lets list and map literals hold values of several types, which Kubernetes does not. */
  readonly mixedLiterals?: boolean
}

/** The names that an expression can use. */
export type Environment = {
  readonly container: string
  readonly variables: ReadonlyMap<string, CelType>
  readonly functions: ReadonlyMap<string, FunctionDeclaration>
  /** By name, number of arguments (`*` for any) and whether it has a receiver; see `macroKey`. */
  readonly macros: ReadonlyMap<string, Macro>
  /** Named types, as `int` or `kubernetes.URL`. */
  readonly typeNames: ReadonlyMap<string, CelType>
  readonly provider: TypeProvider
  /** What libraries look for once the types are known. */
  readonly checks: readonly NodeCheck[]
  readonly mixedLiterals: boolean
}

/** An environment with the standard library, optional values and these libraries. */
export function createEnvironment(options: EnvironmentOptions): Environment {
  return addTo(emptyEnvironment, {
    ...options,
    libraries: [standardLibrary, optionalLibrary, ...(options.libraries ?? [])],
  })
}

/** The environment with more names; what is not added to is shared. */
export function extendEnvironment(environment: Environment, options: EnvironmentOptions): Environment {
  return addTo(environment, options)
}

const emptyEnvironment: Environment = {
  container: '',
  variables: new Map(),
  functions: new Map(),
  macros: new Map(),
  typeNames: new Map(),
  provider: noTypes,
  checks: [],
  mixedLiterals: false,
}

function addTo(base: Environment, options: EnvironmentOptions): Environment {
  const {
    libraries = [],
    variables,
    provider,
    container = base.container,
    mixedLiterals = base.mixedLiterals,
  } = options
  return {
    container,
    variables: variables === undefined ? base.variables : new Map([...base.variables, ...Object.entries(variables)]),
    functions: libraries.length === 0 ? base.functions : withFunctions(base.functions, libraries),
    macros: libraries.length === 0 ? base.macros : withMacros(base.macros, libraries),
    typeNames: libraries.length === 0 ? base.typeNames : withTypeNames(base.typeNames, libraries),
    provider: provider === undefined ? base.provider : firstOf([provider, base.provider]),
    checks: libraries.length === 0 ? base.checks : withChecks(base.checks, libraries),
    mixedLiterals,
  }
}

function withFunctions(
  known: ReadonlyMap<string, FunctionDeclaration>,
  libraries: readonly Library[],
): ReadonlyMap<string, FunctionDeclaration> {
  const functions = new Map(known)
  for (const declaration of libraries.flatMap((library) => library.functions)) {
    const before = functions.get(declaration.name)?.overloads ?? []
    const replaced = new Set(declaration.overloads.map((overload) => overload.id))
    const overloads = [...before.filter((overload) => !replaced.has(overload.id)), ...declaration.overloads]
    functions.set(declaration.name, { name: declaration.name, overloads })
  }
  return functions
}

function withMacros(known: ReadonlyMap<string, Macro>, libraries: readonly Library[]): ReadonlyMap<string, Macro> {
  const added = libraries.flatMap((library) => library.macros ?? [])
  return new Map([...known, ...added.map((macro) => [macroKeyOf(macro), macro] as const)])
}

function withTypeNames(
  known: ReadonlyMap<string, CelType>,
  libraries: readonly Library[],
): ReadonlyMap<string, CelType> {
  const added = libraries.flatMap((library) => library.types ?? [])
  return new Map([...known, ...added.map((type) => [typeName(type), type] as const)])
}

function withChecks(known: readonly NodeCheck[], libraries: readonly Library[]): readonly NodeCheck[] {
  return [...new Set([...known, ...libraries.flatMap((library) => library.checks ?? [])])]
}

function macroKeyOf({ name, argumentCount, receiver }: Macro): string {
  return macroKey(name, argumentCount ?? '*', receiver)
}

/** Under which key a macro is found. */
export function macroKey(name: string, argumentCount: number | '*', receiver: boolean): string {
  return `${name}:${argumentCount}:${receiver}`
}
