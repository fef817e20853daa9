/** The query of a URL as Go reads it: what cannot be read is left out, and `;` separates nothing. */

/** Source: Go's `url.ParseQuery`, whose errors upstream's handlers do not look at. */
export function parseQuery(url: string): URLSearchParams {
  const queryAt = url.indexOf('?')
  const text = queryAt === -1 ? '' : url.slice(queryAt + 1)
  // What most queries are.
  if (!/[;%]/.test(text)) return new URLSearchParams(text)
  const readable = text.split('&').filter((pair) => !pair.includes(';') && !/%(?![0-9A-Fa-f]{2})/.test(pair))
  return new URLSearchParams(readable.join('&'))
}
