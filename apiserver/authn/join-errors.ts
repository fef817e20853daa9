/** Several reasons as Go joins errors: one alone, more in brackets, each once. */
export function joinErrors(messages: readonly string[]): string {
  const unique = [...new Set(messages)]
  return unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`
}
