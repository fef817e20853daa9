/**
 * Words of a Corefile. Blanks part them, `#` starts a comment until the end of the line, and between double quotes
 * anything goes, with `\"` for a quote. Pure.
 */

/** A word, and where it stands. */
export type Token = { readonly text: string; readonly file: string; readonly line: number }

/** The words of `text`. An unended quotation ends with the text, as in CoreDNS. */
export function tokensOf(text: string, file: string): readonly Token[] {
  const tokens: Token[] = []
  // A quotation, a comment, or a run of other letters; the order matters.
  const pattern =
    /(?<line>\n)|(?<blank>[^\S\n]+)|(?<comment>#[^\n]*)|"(?<quoted>(?:\\[\s\S]|[^"\\])*)(?:"|$)|(?<word>[^\s#"][^\s#]*)/gu
  let line = 1
  for (const { groups = {} } of text
    .replace(/^\ufeff/, '')
    .replaceAll('\r', '')
    .matchAll(pattern)) {
    if (groups['line'] !== undefined) line += 1
    const word = groups['quoted']?.replaceAll('\\"', '"') ?? groups['word']
    if (word === undefined) continue
    tokens.push({ text: word, file, line })
    line += breaksIn(word)
  }
  return tokens
}

/** Whether `token` begins a line, seen from the one before it. */
export function isOnNewLine(before: Token | undefined, token: Token): boolean {
  if (before === undefined) return true
  return before.file !== token.file || before.line + breaksIn(before.text) < token.line
}

function breaksIn(text: string): number {
  return text.split('\n').length - 1
}

/** A Corefile that cannot be used; the message says where and why. */
export class CorefileError extends Error {
  override readonly name = 'CorefileError'
}

/** An error at a token, in CoreDNS' form. */
export function errorAt({ file, line }: Pick<Token, 'file' | 'line'>, message: string): CorefileError {
  return new CorefileError(`${file}:${line} - Error during parsing: ${message}`)
}
