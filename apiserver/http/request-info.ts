/**
 * What a request asks for, read from its method and URL alone: the input of authorization, admission, routing and metrics.
 * Source: upstream's `RequestInfoFactory.NewRequestInfo`.
 *
 *   /api/v1/namespaces/{ns}/{resource}/{name}/{subresource}
 *   /apis/{group}/{version}/namespaces/{ns}/{resource}/{name}/{subresource}
 */

import { exactField, parseFieldSelector } from '../../apimachinery/selector/fields.ts'
import { parseQuery } from './query.ts'

/** Who is asking. */
export type UserInfo = {
  readonly name: string
  readonly uid?: string
  readonly groups: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** A request in the API's own terms. `group` is `''` for the core group, `namespace` `''` for cluster scope. */
export type RequestInfo = {
  readonly isResourceRequest: boolean
  /** `get list watch create update patch delete deletecollection proxy`; the lower-case method for other paths. */
  readonly verb: string
  readonly apiPrefix: string
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly subresource: string
  readonly name: string
  /** The verb is a part of the path, as in `/api/v1/watch/pods`: the deprecated way. */
  readonly verbInPath?: true
  /** Why the path could not be read; upstream answers 500. */
  readonly unreadable?: string
  /** The path segments from the resource on. */
  readonly parts: readonly string[]
  /** The URL's path, still encoded. */
  readonly path: string
  /** The field selector of a `list`, `watch` or `deletecollection`: authorizers may allow only a selected part. */
  readonly fieldSelector?: string
  readonly labelSelector?: string
}

/** A question that no request asks: what is not said about it is empty. */
export function requestInfo(about: Partial<RequestInfo>): RequestInfo {
  return {
    isResourceRequest: true,
    verb: '',
    apiPrefix: '',
    group: '',
    version: '',
    namespace: '',
    resource: '',
    subresource: '',
    name: '',
    parts: [],
    path: '',
    ...about,
  }
}

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
}
const namespaceSubresources = new Set(['status', 'finalize'])

/** Reads method and URL (path and query) as upstream does; never fails. */
export function parseRequestInfo(method: string, url: string): RequestInfo {
  const queryAt = url.indexOf('?')
  const path = queryAt === -1 ? url : url.slice(0, queryAt)
  const query = queryAt === -1 ? '' : url.slice(queryAt + 1)
  const segments = splitPath(path)
  const apiPrefix = segments[0] ?? ''
  const isCore = apiPrefix === 'api'
  const resourceAt = isCore ? 2 : 3
  if ((!isCore && apiPrefix !== 'apis') || segments.length <= resourceAt) return nonResource(method, path)
  const [word = '', ...more] = segments.slice(resourceAt)
  if ((word === 'watch' || word === 'proxy') && more.length === 0) {
    const problem = `unable to determine kind and namespace from url, ${url}`
    return { ...nonResource(method, path), unreadable: `"${url}": failed to create RequestInfo: ${problem}` }
  }
  return resourceInfo({
    method,
    path,
    query,
    apiPrefix,
    group: isCore ? '' : (segments[1] ?? ''),
    version: segments[resourceAt - 1] ?? '',
    rest: segments.slice(resourceAt),
  })
}

function nonResource(method: string, path: string): RequestInfo {
  return requestInfo({ isResourceRequest: false, verb: method.toLowerCase(), path })
}

type Located = {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly apiPrefix: string
  readonly group: string
  readonly version: string
  readonly rest: readonly string[]
}

function resourceInfo({ method, path, query, apiPrefix, group, version, rest }: Located): RequestInfo {
  let verb = verbs[method] ?? ''
  let parts = rest
  // `/proxy/` and `/watch/` in front of the resource are old forms that still name a verb.
  const verbInPath = parts.length > 1 && (parts[0] === 'watch' || parts[0] === 'proxy')
  if (verbInPath) {
    verb = parts[0] ?? ''
    parts = parts.slice(1)
  }
  let namespace = ''
  if (parts[0] === 'namespaces') {
    namespace = parts[1] ?? ''
    // `/namespaces/x/pods` is about pods; `/namespaces/x` and `/namespaces/x/status` are about the namespace.
    if (parts.length > 2 && !namespaceSubresources.has(parts[2] ?? '')) parts = parts.slice(2)
  }
  const resource = parts[0] ?? ''
  const nameInPath = parts[1] ?? ''
  const name = nameInPath === '' && (verb === 'get' || verb === 'delete') ? '' : nameInPath
  const subresource = verb === 'proxy' ? '' : (parts[2] ?? '')
  return {
    isResourceRequest: true,
    ...collectionVerb(verb, name, query),
    apiPrefix,
    group,
    version,
    namespace,
    resource,
    subresource,
    parts,
    path,
    ...(verbInPath ? { verbInPath } : {}),
  }
}

/** A `get` without a name is `list` or `watch`; a `metadata.name` field selector gives the name back. */
function collectionVerb(
  verb: string,
  name: string,
  query: string,
): Pick<RequestInfo, 'verb' | 'name' | 'fieldSelector' | 'labelSelector'> {
  if (name !== '' || (verb !== 'get' && verb !== 'delete')) return { verb, name }
  if (query === '') return { verb: verb === 'delete' ? 'deletecollection' : 'list', name }
  const parameters = parseQuery(`?${query}`)
  const fieldSelector = parameters.get('fieldSelector') ?? ''
  const labelSelector = parameters.get('labelSelector') ?? ''
  const selectors = {
    ...(fieldSelector === '' ? {} : { fieldSelector }),
    ...(labelSelector === '' ? {} : { labelSelector }),
  }
  if (verb === 'delete') return { verb: 'deletecollection', name, ...selectors }
  return { verb: isTrue(parameters.get('watch')) ? 'watch' : 'list', name: selectedName(fieldSelector), ...selectors }
}

function isTrue(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== 'false' && value !== '0'
}

/** The name that the selector asks for, if it can be one; a selector that cannot be read is refused later. */
function selectedName(fieldSelector: string): string {
  if (!fieldSelector.includes('metadata.name')) return ''
  try {
    const name = exactField(parseFieldSelector(fieldSelector), 'metadata.name') ?? ''
    return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name
  } catch {
    return ''
  }
}

/** Escapes are undone before the path is taken apart, as Go does: an escaped `/` separates. */
function splitPath(path: string): string[] {
  const trimmed = decodePath(path).replace(/^\/+|\/+$/g, '')
  return trimmed === '' ? [] : trimmed.split('/')
}

function decodePath(path: string): string {
  if (!path.includes('%')) return path
  const bytes = Buffer.from(path, 'utf8').toString('latin1')
  const decoded = bytes.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(decoded, 'latin1').toString('utf8')
}

/** Whether Go's server would answer 400 before looking at anything but the path. */
export function isMalformedPath(url: string): boolean {
  if (!url.includes('%')) return false
  const [path = ''] = url.split('?')
  return /%(?![0-9A-Fa-f]{2})/.test(path)
}
