/**
 * Which form of an answer the client asked for: JSON, YAML or Kubernetes' protobuf.
 * Source: upstream's `negotiation.NegotiateOutputMediaType`.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { protobufContentType } from '../../apimachinery/protobuf/encode.ts'
import { StatusError } from '../../apimachinery/status.ts'

/** What objects are turned into before they are encoded. */
export type Transform = 'none' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'
export type Format = 'json' | 'yaml' | 'protobuf'
export type OutputForm = { readonly format: Format; readonly transform: Transform; readonly pretty: boolean }

type MediaRange = {
  readonly type: string
  readonly parameters: Readonly<Record<string, string>>
  readonly quality: number
}

const acceptedTypes = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'
const transforms: Readonly<Record<string, Transform>> = {
  Table: 'Table',
  PartialObjectMetadata: 'PartialObjectMetadata',
  PartialObjectMetadataList: 'PartialObjectMetadataList',
}
/** Clients send the same few headers again and again. */
const known = new Map<string, Pick<OutputForm, 'format' | 'transform'>>()
const mostKnown = 200

/** Reads `Accept`, `?pretty` and `User-Agent`; throws NotAcceptable when there is nothing that both sides speak. */
export function negotiateOutput(headers: IncomingHttpHeaders, query: URLSearchParams): OutputForm {
  const accept = headers.accept ?? ''
  let form = known.get(accept)
  if (form === undefined) {
    form = chooseForm(parseAccept(accept))
    if (known.size >= mostKnown) known.clear()
    known.set(accept, form)
  }
  return { ...form, pretty: wantsPretty(headers, query) }
}

/** For what has no table form, such as reviews: the client's next choice, or 406. */
export function negotiateWithoutTable(headers: IncomingHttpHeaders, query: URLSearchParams): OutputForm {
  const ranges = parseAccept(headers.accept ?? '')
  const others = ranges.filter(({ parameters }) => transformOf(parameters) !== 'Table')
  if (ranges.length > 0 && others.length === 0) throw notAcceptable()
  return { ...chooseForm(others), pretty: wantsPretty(headers, query) }
}

function chooseForm(ranges: readonly MediaRange[]): Pick<OutputForm, 'format' | 'transform'> {
  if (ranges.length === 0) return { format: 'json', transform: 'none' }
  for (const { type, parameters } of ranges) {
    const format = formatOf(type)
    const transform = transformOf(parameters)
    // Cells of tables are JSON.
    if (format === undefined || (format === 'protobuf' && transform === 'Table')) continue
    if (transform !== undefined) return { format, transform }
  }
  throw notAcceptable()
}

/** 406 in upstream's words. */
export function notAcceptable(): StatusError {
  return new StatusError('NotAcceptable', `only the following media types are accepted: ${acceptedTypes}`)
}

function formatOf(type: string): Format | undefined {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  if (type === 'application/yaml') return 'yaml'
  return type === protobufContentType ? 'protobuf' : undefined
}

function transformOf({ as, g, v }: MediaRange['parameters']): Transform | undefined {
  if (as === undefined) return 'none'
  return g === 'meta.k8s.io' && (v === 'v1' || v === 'v1beta1') ? transforms[as] : undefined
}

function parseAccept(accept: string): readonly MediaRange[] {
  return accept
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(parseRange)
    .toSorted((a, b) => b.quality - a.quality)
}

function parseRange(text: string): MediaRange {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim())
  const parameters = Object.fromEntries(
    rest.map((part) => {
      const equals = part.indexOf('=')
      return [
        part.slice(0, equals).trim(),
        part
          .slice(equals + 1)
          .trim()
          .replace(/^"|"$/g, ''),
      ]
    }),
  )
  const quality = Number(parameters['q'] ?? 1)
  return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 1 }
}

/** `?pretty=true`, or people at a browser or curl. Source: upstream's `isPrettyPrint`. */
function wantsPretty(headers: IncomingHttpHeaders, query: URLSearchParams): boolean {
  const asked = query.get('pretty')
  if (asked !== null) return asked === '' || asked === '1' || asked === 'true'
  return /^(?:curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '')
}

/** `application/json; charset=utf-8` → `application/json`; an absent type is JSON. */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  const text = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  return text === '' ? 'application/json' : text
}
