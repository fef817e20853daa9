import type { IncomingHttpHeaders } from 'node:http'

/** A request's headers; `rawHeaders` (name, value, name, value …) tells repeated headers from commas inside of one. */
export type HeaderSource = { readonly headers: IncomingHttpHeaders; readonly rawHeaders?: readonly string[] }

/** All values of a header that may be repeated. */
export function headerValues({ headers, rawHeaders }: HeaderSource, name: string): readonly string[] {
  const wanted = name.toLowerCase()
  const value = headers[wanted]
  if (value === undefined) return []
  if (typeof value !== 'string') return value
  // Node joins repetitions with a comma and a space; where there is none, there was one header.
  if (rawHeaders === undefined || !value.includes(', ')) return [value]
  return rawHeaders.filter((_, index) => index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === wanted)
}
