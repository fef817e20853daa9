/** What is wrong with a source, and cel-go's way to show it. */

/** One problem; `offset` counts UTF-16 units from the start of the source. -1: no place. */
export type Issue = { readonly offset: number; readonly message: string }

/** cel-go reports so many and counts the rest. */
const maxIssues = 100
/** Longer lines are not shown. */
const maxSnippetLength = 16_384

/** All issues in cel-go's layout: `ERROR: <input>:1:5: message`, the line, and a caret under the place. */
export function formatIssues(source: string, issues: readonly Issue[]): string {
  // Upstream's parser has no place at all in an empty source, which it writes as column 0.
  if (source === '') return issues.map(({ message }) => `ERROR: <input>:1:0: ${message}`).join('\n')
  const lines = source.split('\n')
  const placed = issues.slice(0, maxIssues).map((issue) => ({ ...place(lines, issue.offset), message: issue.message }))
  placed.sort((a, b) => a.line - b.line || a.column - b.column)
  const texts = placed.map((issue) => formatIssue(lines, issue))
  if (issues.length > maxIssues) texts.push(`${issues.length - maxIssues} more errors were truncated`)
  return texts.join('\n')
}

type Place = { readonly line: number; readonly column: number }

/** Line from 1, column from 0 in code points. */
function place(lines: readonly string[], offset: number): Place {
  if (offset < 0) return { line: -1, column: -1 }
  let start = 0
  for (const [index, line] of lines.entries()) {
    if (offset <= start + line.length) return { line: index + 1, column: [...line.slice(0, offset - start)].length }
    start += line.length + 1
  }
  return { line: lines.length, column: [...(lines.at(-1) ?? '')].length }
}

function formatIssue(lines: readonly string[], { line, column, message }: Place & { message: string }): string {
  const head = `ERROR: <input>:${line}:${column + 1}: ${message}`
  const text = lines[line - 1]
  if (text === undefined || text.length > maxSnippetLength) return head
  const snippet = text.replaceAll('\t', ' ')
  const points = [...snippet]
  const dots = points.slice(0, column).map((point) => (isWide(point) ? '．' : '.'))
  return `${head}\n | ${snippet}\n | ${dots.join('')}${isWide(points[column] ?? '') ? '＾' : '^'}`
}

/** Characters of more than one byte get a wide dot, so that the caret stays under them. */
function isWide(point: string): boolean {
  return (point.codePointAt(0) ?? 0) > 0x7f
}
