/** What names stand for: variables of comprehensions, variables, types, functions; looked up in the container first. */
import type { Expression } from './ast.ts'
import type { Environment } from './environment.ts'
import type { FunctionDeclaration } from './library.ts'
import { type CelType, celTypes, objectType, typeOf } from './types.ts'

/** Local variables of comprehensions, innermost first. */
export type Scope = { readonly names: ReadonlyMap<string, CelType>; readonly outer: Scope | undefined }

/** What a name was found to be. */
export type Found = { readonly name: string; readonly type: CelType }

/** The variable or type of this name. */
export function findName(environment: Environment, scope: Scope | undefined, name: string): Found | undefined {
  for (const candidate of candidates(environment.container, name)) {
    const type = declared(environment, scope, candidate)
    if (type !== undefined) return { name: candidate, type }
  }
  return undefined
}

function declared(environment: Environment, innermost: Scope | undefined, name: string): CelType | undefined {
  for (let scope = innermost; scope !== undefined; scope = scope.outer) {
    const type = scope.names.get(name)
    if (type !== undefined) return type
  }
  const variable = environment.variables.get(name)
  if (variable !== undefined) return variable
  const named = environment.typeNames.get(name)
  if (named !== undefined) return typeOf(named)
  return environment.provider.find(name) === undefined ? undefined : typeOf(objectType(name))
}

/** The function of this name. */
export function findFunction(environment: Environment, name: string): FunctionDeclaration | undefined {
  for (const candidate of candidates(environment.container, name)) {
    const found = environment.functions.get(candidate)
    if (found !== undefined) return found
  }
  return undefined
}

/** The type of a literal. */
export function literalType(value: unknown): CelType {
  if (value === null) return celTypes.null
  switch (typeof value) {
    case 'boolean':
      return celTypes.bool
    case 'bigint':
      return celTypes.int
    case 'number':
      return celTypes.double
    case 'string':
      return celTypes.string
    default:
      return value instanceof Uint8Array ? celTypes.bytes : celTypes.uint
  }
}

/** `a.b.c` as one name, if that is all there is. */
export function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === 'identifier') return expression.name
  if (expression.kind !== 'select' || expression.test) return undefined
  const prefix = qualifiedName(expression.operand)
  return prefix === undefined ? undefined : `${prefix}.${expression.field}`
}

/** Under which full names a name is looked up in a container: `a.b.x`, `a.x`, `x`. */
function candidates(container: string, name: string): readonly string[] {
  if (name.startsWith('.')) return [name.slice(1)]
  if (container === '') return [name]
  const names = [`${container}.${name}`]
  for (let end = container.lastIndexOf('.'); end >= 0; end = container.lastIndexOf('.', end - 1)) {
    names.push(`${container.slice(0, end)}.${name}`)
    if (end === 0) break
  }
  names.push(name)
  return names
}
