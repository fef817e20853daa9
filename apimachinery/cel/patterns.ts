/** Regular expressions that users write: RE2 only, so that no text can take exponential time, and of bounded size. */
import { RE2JS } from 're2js'
import { CelError } from './errors.ts'

/** Longer programs are refused. Go's own limit, which `a{1000}{1000}` meets, is of this order. */
const maxProgramSize = 20_000
/** Patterns that were used lately stay compiled. */
const maxPatterns = 200
const patterns = new Map<string, RE2JS>()

/** A pattern, compiled; throws `CelError` in the words of Go's regexp package. */
export function compilePattern(pattern: string): RE2JS {
  const known = patterns.get(pattern)
  if (known !== undefined) return known
  const compiled = compileNew(pattern)
  if (patterns.size >= maxPatterns) patterns.clear()
  patterns.set(pattern, compiled)
  return compiled
}

function compileNew(pattern: string): RE2JS {
  let compiled: RE2JS
  try {
    compiled = RE2JS.compile(pattern)
  } catch (error) {
    throw new CelError(error instanceof Error ? error.message : String(error))
  }
  if (compiled.programSize() <= maxProgramSize) return compiled
  throw new CelError(`error parsing regexp: expression too large: \`${pattern}\``)
}

/** Whether the pattern occurs in the text. */
export function matches(text: string, pattern: string): boolean {
  return compilePattern(pattern).test(text)
}
