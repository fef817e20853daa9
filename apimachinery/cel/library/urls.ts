/** `url('https://example.com:80/a?b=c').getHost()`. Source: apiserver `pkg/cel/library/urls.go`. */
import { CelError, noSuchOverload } from '../errors.ts'
import type { Library, Overload } from '../library.ts'
import { type CelType, celTypes, listOf, mapOf, objectType } from '../types.ts'
import { type CelValue, listValue, mapValue, type OpaqueValue } from '../values.ts'
import { copiesFirst, nominal } from './call-costs.ts'
import { fn, method, ownAt, stringAt } from './declare.ts'
import {
  escapedPath,
  formatUrl,
  fromBytes,
  type GoUrl,
  parseQuery,
  parseRequestUri,
  parseUrl,
  splitHostPort,
  UrlError,
} from './go-url.ts'

/** The type of URLs. */
export const urlType = objectType('kubernetes.URL')

/** A URL as a value. */
export class UrlValue implements OpaqueValue {
  readonly kind = 'opaque'
  readonly typeName = 'kubernetes.URL'
  readonly url: GoUrl

  constructor(url: GoUrl) {
    this.url = url
  }

  equals(other: CelValue): boolean {
    if (!(other instanceof UrlValue)) throw noSuchOverload()
    return formatUrl(this.url) === formatUrl(other.url)
  }
}

/** The stricter parser decides whether it is a URL; the other one knows fragments. */
function read(text: string): UrlValue {
  try {
    parseRequestUri(text)
    return new UrlValue(parseUrl(text))
  } catch (error) {
    if (!(error instanceof UrlError)) throw error
    throw new CelError(`URL parse error during conversion from string: ${error.message}`)
  }
}

function isUrl(text: string): boolean {
  try {
    parseRequestUri(text)
    return true
  } catch (error) {
    if (error instanceof UrlError) return false
    throw error
  }
}

function accessor(name: string, id: string, result: CelType, part: (url: GoUrl) => CelValue) {
  const overload: Overload = method(id, [urlType], result, (args) => part(ownAt(args, 0, UrlValue).url), nominal)
  return { name, overloads: [overload] }
}

const { string, bool } = celTypes

function queryMap(url: GoUrl): CelValue {
  const entries = [...parseQuery(url)].map(([name, values]): [CelValue, CelValue] => [
    fromBytes(name),
    listValue(values.map(fromBytes)),
  ])
  return mapValue(entries)
}

/** Functions on URLs. */
export const urlLibrary: Library = {
  name: 'kubernetes.urls',
  functions: [
    {
      name: 'url',
      overloads: [fn('string_to_url', [string], urlType, (args) => read(stringAt(args, 0)), copiesFirst)],
    },
    { name: 'isURL', overloads: [fn('is_url_string', [string], bool, (args) => isUrl(stringAt(args, 0)))] },
    accessor('getScheme', 'url_get_scheme', string, ({ scheme }) => scheme),
    accessor('getHost', 'url_get_host', string, ({ host }) => fromBytes(host)),
    accessor('getHostname', 'url_get_hostname', string, ({ host }) => fromBytes(splitHostPort(host).hostname)),
    accessor('getPort', 'url_get_port', string, ({ host }) => splitHostPort(host).port),
    accessor('getEscapedPath', 'url_get_escaped_path', string, escapedPath),
    accessor('getQuery', 'url_get_query', mapOf(string, listOf(string)), queryMap),
  ],
}
