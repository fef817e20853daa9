/** Which route a request takes. Pure. */
import { parentHost, prefixesOf } from './paths.ts'
import type { HostRoutes, Route, Table } from './table.ts'

/** `host` and `path` in the forms of `matchingHost` and `matchingPath`. */
export function match(table: Table, host: string, path: string): Route | undefined {
  const own = table.hosts.get(host) ?? table.wildcards.get(parentHost(host))
  if (own !== undefined) {
    const route = byPath(own, path)
    if (route !== undefined) return route
  }
  // A rule without host applies to all traffic (API field doc of `host`).
  return byPath(table.anyHost, path) ?? own?.fallback ?? table.anyHost.fallback ?? table.fallback
}

function byPath({ exact, prefixes, patterns }: HostRoutes, path: string): Route | undefined {
  const found = exact.get(path)
  if (found !== undefined) return found
  const prefixed = byPrefix(prefixes, path)
  const patterned = patterns.find(({ pattern }) => pattern?.matcher(path).find())
  if (prefixed === undefined || patterned === undefined) return prefixed ?? patterned
  return patterned.path.length > prefixed.path.length ? patterned : prefixed
}

function byPrefix(prefixes: ReadonlyMap<string, Route>, path: string): Route | undefined {
  if (prefixes.size === 0) return undefined
  for (const prefix of prefixesOf(path)) {
    const route = prefixes.get(prefix)
    if (route !== undefined) return route
  }
  return undefined
}

/**
 * The path and query for the backend. With `rewrite-target` the whole path becomes the target, with `$1` to `$9` for the groups of
 * the rule's pattern; without, both stay as they came.
 */
export function rewrite({ settings, pattern }: Route, path: string, target: string): string {
  const { rewriteTarget } = settings
  if (rewriteTarget === undefined) return target
  const query = target.indexOf('?')
  const matcher = pattern?.matcher(path)
  const isFound = matcher?.find() === true
  const groups = isFound ? matcher.groupCount() : 0
  const replaced = rewriteTarget.replace(/\$([1-9])/g, (_, digit: string) => {
    const index = Number(digit)
    return index <= groups ? (matcher?.group(index) ?? '') : ''
  })
  const encoded = replaced.replace(/[^!#-;=?-Z_a-z~]|%(?![0-9a-f]{2})/gi, encodeURIComponent)
  return query < 0 ? encoded : `${encoded}${encoded.includes('?') ? '&' : '?'}${target.slice(query + 1)}`
}
