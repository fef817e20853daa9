/** What the tokens of literals stand for. */
import type { Token } from './lexer.ts'
import { parseDouble, parseInteger, parseUnsigned } from './numbers.ts'
import { bytesValue, LiteralError, stringValue } from './string-literal.ts'
import { type CelValue, uint } from './values.ts'

/** The value of a literal; `sign` is `-` or nothing. Throws `LiteralError`. */
export function literalValue(token: Token, sign: string): CelValue {
  switch (token.type) {
    case 'true':
      return true
    case 'false':
      return false
    case 'null':
      return null
    case 'STRING':
      return stringValue(token.text)
    case 'BYTES':
      return bytesValue(token.text)
    default:
      return numberValue(token, sign)
  }
}

function numberValue(token: Token, sign: string): CelValue {
  if (token.type === 'NUM_FLOAT') return parsed(parseDouble(sign + token.text), 'invalid double literal')
  if (token.type === 'NUM_INT') return parsed(parseInteger(sign + token.text), 'invalid int literal')
  return uint(parsed(parseUnsigned(token.text.slice(0, -1)), 'invalid uint literal'))
}

function parsed<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new LiteralError(message)
  return value
}
