/** Expressions in the configuration of authentication and authorization: compiled when the file is read, or refused. */
import { compile } from '../../apimachinery/cel/compile.ts'
import type { Environment } from '../../apimachinery/cel/environment.ts'
import { formatIssues } from '../../apimachinery/cel/issues.ts'
import type { ObjectType } from '../../apimachinery/cel/object-type.ts'
import type { Program } from '../../apimachinery/cel/program.ts'
import { type CelType, formatType } from '../../apimachinery/cel/types.ts'
import { invalidValue } from '../../apimachinery/field-errors.ts'
import type { StatusCause } from '../../apimachinery/status.ts'

/** A program, or what is wrong with the source. */
export type CompiledExpression =
  | { readonly type: 'program'; readonly program: Program }
  | { readonly type: 'cause'; readonly cause: StatusCause }

/** Compiles; the result must be of one of these types, or of any without them. */
export function compileExpression(
  environment: Environment,
  source: string,
  field: string,
  results: readonly CelType[] = [],
): CompiledExpression {
  const compiled = compile(environment, source)
  if (compiled.type === 'issues') {
    const detail = `compilation failed: ${formatIssues(source, compiled.issues)}`
    return { type: 'cause', cause: invalidValue(field, source, detail) }
  }
  const { program } = compiled
  const wanted = results.map(formatType)
  if (results.length === 0 || wanted.includes(formatType(program.outputType))) return { type: 'program', program }
  const what = wanted.length === 1 ? wanted[0] : `one of [${wanted.join(' ')}]`
  return { type: 'cause', cause: invalidValue(field, source, `must evaluate to ${what}`) }
}

/** A declared struct with these fields. */
export function structType(name: string, fields: Readonly<Record<string, CelType>>): ObjectType {
  return { name, fields: new Map(Object.entries(fields).map(([field, type]) => [field, { type }])) }
}
