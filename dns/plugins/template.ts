/**
 * `template`: answers made of text. Of Go's templates the plain values are there: `{{ .Name }}`, `{{ .Zone }}`, `{{ .Type }}`,
 * `{{ .Class }}`, `{{ .Match }}`, `{{ .Group.name }}`, `{{ index .Match 1 }}`, `{{ .Remote }}`. Anything else is refused when the Corefile is read.
 */
import { RE2JS } from 're2js'
import { rcodeNumber, rcodes } from '../codec/message.ts'
import { type ResourceRecord, typeName, typeNumber, types } from '../codec/record.ts'
import { argumentError, type Directive } from '../corefile/parse.ts'
import { errorAt } from '../corefile/tokens.ts'
import { matchZone, zonesOrBlock } from '../corefile/zones.ts'
import { parseRecord } from '../zone/zone-file.ts'
import { fallthroughZones, firstArgument, inPlugin } from './arguments.ts'
import { type Context, failure, type Handler, type Outcome, type Request, replyOf, type Setup } from './plugin.ts'

type Values = {
  readonly zone: string
  readonly request: Request
  readonly groups: readonly string[]
  readonly named: Readonly<Record<string, string>>
}
type Text = (values: Values) => string

type Template = {
  readonly zones: readonly string[]
  /** 255: any. */
  readonly class: number
  readonly type: number
  readonly patterns: readonly RE2JS[]
  readonly answers: readonly Text[]
  readonly additionals: readonly Text[]
  readonly authorities: readonly Text[]
  readonly rcode: number
  readonly extendedError: { readonly code: number; readonly text: string } | undefined
  readonly fallthrough: readonly string[] | undefined
}

const maxPattern = 10_000
const classNumbers: Readonly<Record<string, number>> = { IN: 1, CH: 3, HS: 4, ANY: 255 }

/** Reads the directives. */
export const template: Setup = (lines, context) => {
  const templates = inPlugin('template', () => lines.map((line) => readTemplate(line, context)))
  return { wrap: (next) => (request) => answer(templates, request, next) }
}

function readTemplate(line: Directive, { zones: blockZones }: Context): Template {
  const [className, type, ...names] = line.args
  if (className === undefined || type === undefined) throw argumentError(line)
  const classNumber = classNumbers[className.toUpperCase()]
  if (classNumber === undefined) throw errorAt(line.at, `invalid query class ${className}`)
  const number = typeNumber(type)
  if (number === undefined) throw errorAt(line.at, `invalid RR class ${type}`)
  let made: Template = {
    zones: zonesOrBlock(names, blockZones),
    class: classNumber,
    type: number,
    patterns: [],
    answers: [],
    additionals: [],
    authorities: [],
    rcode: 0,
    extendedError: undefined,
    fallthrough: undefined,
  }
  for (const item of line.block) made = { ...made, ...property(item, made) }
  const patterns = made.patterns.length === 0 ? [RE2JS.compile('.*')] : made.patterns
  return { ...made, patterns }
}

function property(item: Directive, before: Template): Partial<Template> {
  switch (item.name) {
    case 'match':
      firstArgument(item)
      return { patterns: [...before.patterns, ...item.args.map((text) => patternOf(text, item))] }
    case 'answer':
      firstArgument(item)
      return { answers: [...before.answers, ...item.args.map((text) => textOf(text, item))] }
    case 'additional':
      firstArgument(item)
      return { additionals: [...before.additionals, ...item.args.map((text) => textOf(text, item))] }
    case 'authority':
      firstArgument(item)
      return { authorities: [...before.authorities, ...item.args.map((text) => textOf(text, item))] }
    case 'rcode': {
      const name = firstArgument(item)
      const rcode = rcodeNumber(name)
      if (rcode === undefined) throw errorAt(item.at, `unknown rcode ${name}`)
      return { rcode }
    }
    case 'ederror': {
      const [code = '', text = ''] = item.args
      if (item.args.length < 1 || item.args.length > 2) throw argumentError(item)
      if (!/^\d{1,5}$/.test(code)) throw errorAt(item.at, `error parsing extended DNS error code ${code}`)
      return { extendedError: { code: Number(code), text } }
    }
    case 'fallthrough':
      return { fallthrough: fallthroughZones(item) }
    case 'upstream':
      return {}
    default:
      throw argumentError(item)
  }
}

function patternOf(text: string, { at }: Directive): RE2JS {
  if (text.length > maxPattern) throw errorAt(at, `regex pattern too long: ${text.length} > ${maxPattern}`)
  try {
    return RE2JS.compile(text)
  } catch (error) {
    throw errorAt(at, `could not parse regex: ${text}, ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Reads a text with `{{ … }}` in it. */
function textOf(text: string, { at }: Directive): Text {
  const parts = text.split(/(\{\{-?.*?-?\}\})/).map((part): Text => {
    const inner = /^\{\{-?\s*(.*?)\s*-?\}\}$/.exec(part)?.[1]
    if (inner === undefined) return () => part
    const value = textValueOf(inner)
    if (value === undefined)
      throw errorAt(
        at,
        `could not compile template: ${text}, the expression "${inner}" is not supported by this server`,
      )
    return value
  })
  return (values) => parts.map((part) => part(values)).join('')
}

function textValueOf(expression: string): Text | undefined {
  const index = /^index \.Match (\d+)$/.exec(expression)?.[1]
  if (index !== undefined) return ({ groups }) => groups[Number(index)] ?? ''
  const group = /^\.Group\.(\w+)$/.exec(expression)?.[1] ?? /^index \.Group "(\w+)"$/.exec(expression)?.[1]
  if (group !== undefined) return ({ named, groups }) => named[group] ?? groups[Number(group)] ?? ''
  return plainValues[expression]
}

const plainValues: Readonly<Record<string, Text>> = {
  '.Name': ({ request }) => request.name,
  '.Zone': ({ zone }) => zone,
  '.Type': ({ request }) => typeName(request.question.type),
  '.Class': ({ request }) => (request.question.class === 3 ? 'CH' : 'IN'),
  '.Remote': ({ request }) => request.client.address,
}

function answer(templates: readonly Template[], request: Request, next: Handler): Outcome | Promise<Outcome> {
  const zone = matchZone(
    templates.flatMap(({ zones }) => zones),
    request.name,
  )
  if (zone === undefined) return next(request)
  for (const made of templates) {
    const values = match(made, request)
    if (values === 'elsewhere') continue
    if (values === 'unmatched') {
      if (made.fallthrough === undefined || matchZone(made.fallthrough, request.name) !== undefined) continue
      return failure(rcodes.nameError)
    }
    if (made.rcode === rcodes.serverFailure) return failure(rcodes.serverFailure)
    try {
      const records = (texts: readonly Text[]): readonly ResourceRecord[] =>
        texts.map((text) => parseRecord(text(values)))
      return replyOf({
        rcode: made.rcode,
        answers: records(made.answers),
        authorities: records(made.authorities),
        additionals: records(made.additionals),
        isAuthoritative: true,
        ...(made.extendedError === undefined ? {} : { extendedError: made.extendedError }),
        by: 'template',
      })
    } catch (error) {
      return failure(rcodes.serverFailure, `plugin/template: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return next(request)
}

function match(made: Template, request: Request): Values | 'elsewhere' | 'unmatched' {
  const { question, name } = request
  const zone = matchZone(made.zones, name)
  const isKind =
    (made.class === 255 || made.class === question.class) && (made.type === types.ANY || made.type === question.type)
  if (zone === undefined || !isKind) return 'elsewhere'
  for (const pattern of made.patterns) {
    const matcher = pattern.matcher(name)
    if (!matcher.find()) continue
    const groups = Array.from({ length: matcher.groupCount() + 1 }, (_, i) => matcher.group(i) ?? '')
    const named = Object.fromEntries(
      Object.entries(pattern.namedGroups()).map(([key, number]) => [key, groups[number] ?? '']),
    )
    return { zone, request, groups, named }
  }
  return 'unmatched'
}
