/**
 * Which form of an answer the client asked for: JSON, YAML or Kubernetes' protobuf.
 * Source: upstream's `negotiation.NegotiateOutputMediaType`.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { protobufContentType } from '../../apimachinery/protobuf/encode.ts'
import { StatusError } from '../../apimachinery/status.ts'
import { parseQuery } from './query.ts'

/** What objects are turned into before they are encoded. */
export type Transform = 'none' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList'
export type Format = 'json' | 'yaml' | 'protobuf'
/** `metaVersion` is that of `meta.k8s.io` in which tables and metadata are told. */
export type OutputForm = {
  readonly format: Format
  readonly transform: Transform
  readonly pretty: boolean
  readonly metaVersion: 'v1' | 'v1beta1'
}
type Choice = Omit<OutputForm, 'pretty'> & { readonly pretty?: true }

type MediaRange = {
  readonly type: string
  readonly subtype: string
  readonly parameters: ReadonlyMap<string, string>
  readonly quality: number
}

const formats: readonly (readonly [string, Format])[] = [
  ['application/json', 'json'],
  ['application/yaml', 'yaml'],
  [protobufContentType, 'protobuf'],
]
const acceptedTypes: readonly string[] = formats.map(([type]) => type)
/** What a collection produces: itself, or a watch of it. */
export const collectionTypes: readonly string[] = [
  ...acceptedTypes,
  'application/json;stream=watch',
  `${protobufContentType};stream=watch`,
]
/** Only these have a form in which one event follows the other. */
const streamTypes = ['application/json;stream=watch', `${protobufContentType};stream=watch`]
const transforms: Readonly<Record<string, Transform>> = {
  Table: 'Table',
  PartialObjectMetadata: 'PartialObjectMetadata',
  PartialObjectMetadataList: 'PartialObjectMetadataList',
}
/** Clients send the same few headers again and again. */
const known = new Map<string, Choice | undefined>()
const mostKnown = 200

/** Reads `Accept`, `?pretty` and `User-Agent`; throws NotAcceptable when there is nothing that both sides speak. */
export function negotiateOutput(headers: IncomingHttpHeaders, query: URLSearchParams): OutputForm {
  const choice = choiceFor(headers.accept ?? '')
  if (choice === undefined) throw notAcceptable()
  return { ...choice, pretty: choice.pretty === true || wantsPretty(headers, query) }
}

/** The form of a watch's events, which is never YAML and never pretty. */
export function negotiateStream(headers: IncomingHttpHeaders, query: URLSearchParams): OutputForm {
  const form = negotiateOutput(headers, query)
  if (form.format === 'yaml') throw notAcceptable(streamTypes)
  return form
}

/** For what has no table form, such as reviews: the client's next choice, or 406. */
export function negotiateWithoutTable(headers: IncomingHttpHeaders, query: URLSearchParams): OutputForm {
  const choice = chooseForm(headers.accept ?? '', (transform) => transform !== 'Table')
  if (choice === undefined) throw notAcceptable()
  return { ...choice, pretty: choice.pretty === true || wantsPretty(headers, query) }
}

/** For documents that are only themselves, such as discovery: a client that wants a table gets its next choice, or 406. */
export function negotiatePlain(headers: IncomingHttpHeaders, query: URLSearchParams): OutputForm {
  const choice = chooseForm(headers.accept ?? '', (transform) => transform === 'none')
  if (choice === undefined) throw notAcceptable()
  return { ...choice, pretty: choice.pretty === true || wantsPretty(headers, query) }
}

/** How an error is told: as the answer would have been, or, to those who accept nothing of ours, in JSON for people. */
export function negotiateError(headers: IncomingHttpHeaders, url: string): OutputForm {
  const query = parseQuery(url)
  const choice = choiceFor(headers.accept ?? '')
  if (choice === undefined) return { format: 'json', transform: 'none', metaVersion: 'v1', pretty: true }
  return { ...choice, pretty: choice.pretty === true || wantsPretty(headers, query) }
}

function choiceFor(accept: string): Choice | undefined {
  if (known.has(accept)) return known.get(accept)
  const choice = chooseForm(accept, () => true)
  if (known.size >= mostKnown) known.clear()
  known.set(accept, choice)
  return choice
}

function chooseForm(accept: string, allows: (transform: Transform) => boolean): Choice | undefined {
  if (accept === '') return { format: 'json', transform: 'none', metaVersion: 'v1' }
  for (const range of parseAccept(accept)) {
    for (const [type, format] of formats) {
      const choice = covers(range, type) ? choiceOf(range, format) : undefined
      if (choice !== undefined && allows(choice.transform)) return choice
    }
  }
  return undefined
}

/** The first of `offered` that the client's best media range covers; parameters of the range do not matter. */
export function firstAccepted<Offer>(
  { accept = '' }: IncomingHttpHeaders,
  offered: ReadonlyMap<string, Offer>,
): Offer | undefined {
  for (const range of parseAccept(accept === '' ? '*/*' : accept)) {
    for (const [type, offer] of offered) if (covers(range, type)) return offer
  }
  return undefined
}

/** Source: `acceptMediaTypeOptions` and `AllowsMediaTypeTransform`. */
function choiceOf({ parameters }: MediaRange, format: Format): Choice | undefined {
  const transform = transformOf(parameters)
  const stream = parameters.get('stream') ?? ''
  const serverVersion = parameters.get('sv') ?? ''
  if (transform === undefined) return undefined
  // Cells of tables are JSON.
  if (format === 'protobuf' && transform === 'Table') return undefined
  if (stream !== '' && (stream !== 'watch' || format === 'yaml')) return undefined
  if (serverVersion !== '' && serverVersion !== 'v1') return undefined
  return {
    format,
    transform,
    metaVersion: parameters.get('v') === 'v1beta1' ? 'v1beta1' : 'v1',
    ...(parameters.get('pretty') === '1' ? { pretty: true as const } : {}),
  }
}

function covers({ type, subtype }: MediaRange, offered: string): boolean {
  if (type === '*') return subtype === '*'
  return offered === `${type}/${subtype}` || (subtype === '*' && offered.startsWith(`${type}/`))
}

/**
 * The check of upstream's router, before any handler looks at the request: it knows no wildcard but
 * the one for everything, and no qualities. Source: go-restful's `Route.matchesAccept`.
 */
export function refuseUnproducible({ accept = '' }: IncomingHttpHeaders, produced = acceptedTypes): void {
  // What nearly all requests say.
  if (accept === '' || produced.includes(accept)) return
  const types = accept.split(',').map((part) => (part.split(';')[0] ?? '').trim())
  if (types.some((type) => type === '*/*' || produced.includes(type))) return
  const message = `406: Not Acceptable\n\nAvailable representations: ${produced.join(', ')}`
  throw new StatusError('NotAcceptable', message, {})
}

/** 406 in upstream's words. */
export function notAcceptable(types: readonly string[] = acceptedTypes): StatusError {
  return new StatusError('NotAcceptable', `only the following media types are accepted: ${types.join(', ')}`)
}

/** `undefined`: a transformation that nobody knows. */
function transformOf(parameters: MediaRange['parameters']): Transform | undefined {
  const [kind, group, version] = [parameters.get('as'), parameters.get('g'), parameters.get('v')]
  if (kind === undefined && group === undefined && version === undefined) return 'none'
  if (group !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) return undefined
  return kind !== undefined && Object.hasOwn(transforms, kind) ? transforms[kind] : undefined
}

/** The ranges of an `Accept` header, the most wanted first. */
function parseAccept(accept: string): readonly MediaRange[] {
  const ranges: MediaRange[] = []
  for (const range of accept.split(',').map(parseRange)) {
    if (range === undefined) continue
    let at = ranges.length
    // Upstream's comparison is no order (a concrete type goes before `*` whatever their qualities), so the way of sorting
    // counts: this is Go's for short lists.
    for (let before = ranges[at - 1]; before !== undefined && isBefore(range, before); before = ranges[at - 1]) at--
    ranges.splice(at, 0, range)
  }
  return ranges
}

function isBefore(a: MediaRange, b: MediaRange): boolean {
  return a.quality > b.quality || (a.type !== '*' && b.type === '*') || (a.subtype !== '*' && b.subtype === '*')
}

/** `application/json;as=Table;q=0.5`. Source: goautoneg's `ParseAccept`. */
function parseRange(text: string): MediaRange | undefined {
  const [range = '', ...rest] = text.trim().split(';')
  const [type = '', subtype = '', ...more] = range.split('/').map((part) => part.trim())
  if (more.length > 0 || (subtype === '' && type !== '*')) return undefined
  const parameters = new Map<string, string>()
  let quality = 1
  for (const part of rest) {
    const [name = '', value = '', ...others] = part.split('=')
    if (value === '' || others.length > 0) continue
    if (name.trim() === 'q') quality = Number.isFinite(Number(value)) ? Number(value) : 0
    else parameters.set(name.trim(), value.trim())
  }
  return { type, subtype: subtype === '' ? '*' : subtype, parameters, quality }
}

const goTrue = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])

/** `?pretty=true`, or people at a browser or curl. Source: upstream's `isPrettyPrint`. */
function wantsPretty(headers: IncomingHttpHeaders, query: URLSearchParams): boolean {
  const asked = query.get('pretty') ?? ''
  if (asked !== '') return goTrue.has(asked)
  return /^(?:curl|Wget|Mozilla\/5\.0)/.test(headers['user-agent'] ?? '')
}

/** `application/json; charset=utf-8` → `application/json`; an absent type is JSON, a malformed one is none. */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').split(';').map((part) => part.trim())
  // Source: Go's `mime.ParseMediaType`, which lets a semicolon at the end pass.
  const isMalformed = parameters.some(
    (part, at) => !/^[^\s=]+=\S/.test(part) && !(part === '' && at === parameters.length - 1),
  )
  if (isMalformed) return ''
  return type === '' && headers['content-type'] === undefined ? 'application/json' : type.toLowerCase()
}
