/** CEL's grammar as far as it is tables: which tokens may stand where, and which functions operators are. */
import type { TokenType } from './lexer.ts'
import { operandStart } from './token-stream.ts'

/** Words that no variable or function may be named. */
export const reserved: ReadonlySet<string> = new Set([
  'as',
  'break',
  'const',
  'continue',
  'else',
  'false',
  'for',
  'function',
  'if',
  'import',
  'in',
  'let',
  'loop',
  'package',
  'namespace',
  'null',
  'return',
  'true',
  'var',
  'void',
  'while',
])

/** Operators that compare. */
export const relations: ReadonlySet<TokenType> = new Set<TokenType>(['<', '<=', '>=', '>', '==', '!=', 'in'])
/** Operators that bind most. */
export const products: ReadonlySet<TokenType> = new Set<TokenType>(['*', '/', '%'])
/** Operators that bind less. */
export const sums: ReadonlySet<TokenType> = new Set<TokenType>(['+', '-'])
/** Names of the operators' functions. */
export const operators: Readonly<Partial<Record<TokenType, string>>> = {
  '<': '_<_',
  '<=': '_<=_',
  '>=': '_>=_',
  '>': '_>_',
  '==': '_==_',
  '!=': '_!=_',
  in: '@in',
  '*': '_*_',
  '/': '_/_',
  '%': '_%_',
  '+': '_+_',
  '-': '_-_',
}

/** What may stand behind `(` of a call. */
export const argumentStart = withTypes(operandStart, ')')
/** What may stand behind `[` of an index. */
export const indexStart = withTypes(operandStart, '?')
/** What may stand behind `[` of a list. */
export const listStart = withTypes(operandStart, '?', ',', ']')
/** What may stand behind `{` of a map. */
export const mapStart = withTypes(operandStart, '?', ',', '}')
/** What may stand behind `{` of a struct. */
export const fieldStart: ReadonlySet<TokenType> = new Set<TokenType>(['}', ',', '?', 'IDENTIFIER', 'ESC_IDENTIFIER'])
/** What may stand behind an element of a list. */
export const listEnd: ReadonlySet<TokenType> = new Set<TokenType>([']', ','])
/** What may stand behind an entry of a map or a field of a struct. */
export const bracesEnd: ReadonlySet<TokenType> = new Set<TokenType>(['}', ','])
/** What a field may be named by. */
export const fieldName: ReadonlySet<TokenType> = new Set<TokenType>(['IDENTIFIER', 'ESC_IDENTIFIER'])

function withTypes(types: ReadonlySet<TokenType>, ...more: readonly TokenType[]): ReadonlySet<TokenType> {
  return new Set([...types, ...more])
}
