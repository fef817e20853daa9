/** What the text between quotes stands for. Source: cel-go `parser/unescape.go` for the rules and messages. */

/** A literal's text could not be read. */
export class LiteralError extends Error {
  override readonly name = 'LiteralError'
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
}

const escapes = /\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([\s\S]))/g

/** The value of a STRING token. */
export function stringValue(token: string): string {
  const { body, raw } = stripQuotes(token)
  if (raw || !body.includes('\\')) return body
  return body.replace(escapes, (_, hex?: string, short?: string, long?: string, octal?: string, simple?: string) => {
    const digits = hex ?? short ?? long
    if (digits !== undefined) return codePoint(Number.parseInt(digits, 16))
    if (octal !== undefined) return codePoint(Number.parseInt(octal, 8))
    return simpleEscape(simple)
  })
}

/** The value of a BYTES token: escapes are bytes, other characters their UTF-8. */
export function bytesValue(token: string): Uint8Array {
  const { body, raw } = stripQuotes(token.slice(1))
  if (raw || !body.includes('\\')) return Buffer.from(body, 'utf8')
  const parts: Buffer[] = []
  let at = 0
  for (const match of body.matchAll(escapes)) {
    parts.push(Buffer.from(body.slice(at, match.index), 'utf8'), escapedByte(match))
    at = match.index + match[0].length
  }
  parts.push(Buffer.from(body.slice(at), 'utf8'))
  return Buffer.concat(parts)
}

function escapedByte([, hex, short, long, octal, simple]: RegExpExecArray): Buffer {
  if (short !== undefined || long !== undefined) throw new LiteralError('unable to unescape string')
  if (hex !== undefined) return Buffer.from([Number.parseInt(hex, 16)])
  if (octal !== undefined) return Buffer.from([Number.parseInt(octal, 8)])
  return Buffer.from(simpleEscape(simple), 'utf8')
}

function simpleEscape(letter: string | undefined): string {
  const found = letter === undefined ? undefined : simpleEscapes[letter]
  if (found === undefined) throw new LiteralError('unable to unescape string')
  return found
}

function codePoint(value: number): string {
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) throw new LiteralError('invalid unicode code point')
  return String.fromCodePoint(value)
}

function stripQuotes(token: string): { body: string; raw: boolean } {
  const text = token.replace(/\r\n?/g, '\n')
  const raw = /^[rR]/.test(text)
  const quoted = raw ? text.slice(1) : text
  const width = quoted.length >= 6 && (quoted.startsWith('"""') || quoted.startsWith("'''")) ? 3 : 1
  return { body: quoted.slice(width, -width), raw }
}
