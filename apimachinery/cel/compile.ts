/** From source text to a program, or to the list of what is wrong with it. */
import type { Environment } from './environment.ts'
import type { Issue } from './issues.ts'
import type { Program } from './program.ts'
import type { CelType } from './types.ts'

/** What `compile` answers. */
export type Compiled =
  | { readonly type: 'program'; readonly program: Program }
  | { readonly type: 'issues'; readonly issues: readonly Issue[] }

export type CompileOptions = {
  /** The type of the result must be one of these (`dyn` results are always let through). */
  readonly resultTypes?: readonly CelType[]
}

/** Parses, checks and compiles. Never throws for a bad source. */
export function compile(_environment: Environment, _source: string, _options: CompileOptions = {}): Compiled {
  return { type: 'issues', issues: [{ offset: 0, message: 'not implemented yet' }] }
}
