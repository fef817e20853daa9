/** From source text to a program, or to the list of what is wrong with it. */
import type { CheckedExpression } from './ast.ts'
import { check } from './checker.ts'
import { sameType } from './checker-types.ts'
import type { Environment } from './environment.ts'
import { CelError } from './errors.ts'
import { formatIssues, type Issue } from './issues.ts'
import { parse } from './parser.ts'
import { planExpression } from './planner.ts'
import { type Program, programOf } from './program.ts'
import { type CelType, celTypes, formatType } from './types.ts'
import { validate } from './validators.ts'

/**
 * What `compile` answers. Upstream compiles in two steps: `check` issues come from the source, `program` issues (`int('x')`, a bad
 * pattern) from making the program, and have no place.
 */
export type Compiled =
  | { readonly type: 'program'; readonly program: Program }
  | {
      readonly type: 'issues'
      readonly stage: 'check' | 'program'
      readonly issues: readonly Issue[]
      readonly text: string
    }

export type CompileOptions = {
  /** The type of the result must be one of these, exactly; `any` among them allows all. */
  readonly resultTypes?: readonly CelType[]
}

/** Parses, checks and compiles. Never throws for a bad source. */
export function compile(environment: Environment, source: string, options: CompileOptions = {}): Compiled {
  const parsed = parse(environment, source)
  if (parsed.issues.length > 0) return refused(source, parsed.issues)
  const { checked, issues } = check(environment, source, parsed)
  if (issues.length > 0) return refused(source, issues)
  const invalid = validate(environment, checked)
  if (invalid.length > 0) return refused(source, invalid)
  const outputType = checked.types.get(checked.expression.id) ?? celTypes.dyn
  const { resultTypes } = options
  if (resultTypes !== undefined && !allows(resultTypes, outputType)) return wrongResult(resultTypes, outputType)
  return toProgram(environment, checked, outputType)
}

function toProgram(environment: Environment, checked: CheckedExpression, outputType: CelType): Compiled {
  try {
    return { type: 'program', program: programOf(checked, outputType, planExpression(environment, checked)) }
  } catch (error) {
    if (!(error instanceof CelError)) throw error
    const issues = [{ offset: -1, message: error.message }]
    return { type: 'issues', stage: 'program', issues, text: error.message }
  }
}

function refused(source: string, issues: readonly Issue[]): Compiled {
  return { type: 'issues', stage: 'check', issues, text: formatIssues(source, issues) }
}

function allows(resultTypes: readonly CelType[], type: CelType): boolean {
  return resultTypes.some((allowed) => allowed.kind === 'any' || sameType(allowed, type))
}

/** Source of the words: apiserver `pkg/admission/plugin/cel/compile.go`. */
function wrongResult(resultTypes: readonly CelType[], type: CelType): Compiled {
  const names = resultTypes.map(formatType)
  const message =
    names.length === 1
      ? `must evaluate to ${names[0]} but got ${formatType(type)}`
      : `must evaluate to one of [${names.join(' ')}]`
  return { type: 'issues', stage: 'check', issues: [{ offset: -1, message }], text: message }
}
