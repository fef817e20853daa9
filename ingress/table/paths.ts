/** Paths of requests and of rules, in one form, so that they can be compared. Pure. */

/**
 * The form in which a path is matched: escapes decoded (but `%2F`, which is no separator), doubled slashes joined, dot segments
 * resolved, as the servers behind us will do, so that a path cannot be routed by one reading and served by another (RFC 3986 section
 * 6.2.2). `undefined` for a path that no server should take: a bad escape, NUL, or one that climbs above the root.
 */
export function matchingPath(raw: string): string | undefined {
  if (!raw.startsWith('/')) return undefined
  if (!raw.includes('%') && !raw.includes('//') && !raw.includes('/.')) return raw
  const segments: string[] = []
  const parts = raw.split('/').slice(1)
  for (const [index, part] of parts.entries()) {
    const segment = decode(part)
    if (segment === undefined) return undefined
    const isLast = index === parts.length - 1
    if (segment === '..') {
      if (segments.pop() === undefined) return undefined
      if (isLast) segments.push('')
    } else if (segment === '.' || segment === '') {
      if (isLast) segments.push('')
    } else segments.push(segment)
  }
  return `/${segments.join('/')}`
}

function decode(segment: string): string | undefined {
  if (!segment.includes('%')) return segment
  if (/%(?![0-9a-f]{2})|%00/i.test(segment)) return undefined
  try {
    return decodeURIComponent(segment).replaceAll('/', '%2F')
  } catch {
    // Escapes of some other encoding than UTF-8: bytes that only their server understands.
    return segment
  }
}

/** A prefix without the slash at its end, which does not count (API field `pathType`); `/` stays. */
export function prefixKey(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** The prefixes that cover a path, element by element, the longest first: `/a/b/` → `/a/b`, `/a`, `/`. */
export function* prefixesOf(path: string): Generator<string> {
  let prefix = prefixKey(path)
  while (prefix.length > 1) {
    yield prefix
    prefix = prefix.slice(0, prefix.lastIndexOf('/'))
  }
  yield '/'
}

/** What a wildcard host would have to name: `foo.com` for `bar.foo.com`, one label less; '' when there is no such. */
export function parentHost(host: string): string {
  const dot = host.indexOf('.')
  return dot > 0 ? host.slice(dot + 1) : ''
}

/** The host of an authority in the form in which hosts are matched: small letters, no port, no dot at its end. */
export function matchingHost(authority: string): string | undefined {
  const bracketed = /^(\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.exec(authority)
  if (bracketed !== null) return (bracketed[1] ?? '').toLowerCase()
  const [, host] = /^([a-z0-9._-]{1,255})(?::\d{1,5})?$/i.exec(authority) ?? []
  return host === undefined ? undefined : host.toLowerCase().replace(/\.$/, '')
}
