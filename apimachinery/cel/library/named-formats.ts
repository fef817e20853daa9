/** The named formats: what each accepts and how long a pattern upstream reckons it to be. Source: apiserver `pkg/cel/library/format.go`. */
import { isDns1035Label, isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../names.ts'
import { parseRequestUri, UrlError } from './go-url.ts'

/** A named format. `patternSize` is the length of its pattern, by which costs are counted. */
export type NamedFormat = {
  readonly name: string
  readonly patternSize: number
  /** What is wrong with the text; empty when nothing is. */
  readonly problems: (text: string) => readonly string[]
}

const dateTimePattern = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))$/
const uuidPattern = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i
const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/
const dateTimePatternSize = dateTimePattern.source.length
/** `(?i)` counts. */
const uuidPatternSize = uuidPattern.source.length + 4

/** By the name that expressions use. */
export const namedFormats: ReadonlyMap<string, NamedFormat> = new Map([
  ['dns1123Label', { name: 'DNS1123Label', patternSize: 30, problems: isDns1123Label }],
  ['dns1123Subdomain', { name: 'DNS1123Subdomain', patternSize: 60, problems: isDns1123Subdomain }],
  ['dns1035Label', { name: 'DNS1035Label', patternSize: 30, problems: isDns1035Label }],
  ['qualifiedName', { name: 'QualifiedName', patternSize: 60, problems: isQualifiedName }],
  ['dns1123LabelPrefix', { name: 'DNS1123LabelPrefix', patternSize: 30, problems: asPrefix(isDns1123Label) }],
  [
    'dns1123SubdomainPrefix',
    { name: 'DNS1123SubdomainPrefix', patternSize: 60, problems: asPrefix(isDns1123Subdomain) },
  ],
  ['dns1035LabelPrefix', { name: 'DNS1035LabelPrefix', patternSize: 30, problems: asPrefix(isDns1035Label) }],
  ['labelValue', { name: 'LabelValue', patternSize: 40, problems: isLabelValue }],
  ['uri', { name: 'URI', patternSize: 1103, problems: uriProblems }],
  ['uuid', { name: 'uuid', patternSize: uuidPatternSize, problems: unless(isUuid, 'does not match the UUID format') }],
  ['byte', { name: 'byte', patternSize: 84, problems: unless(isBase64, 'invalid base64') }],
  ['date', { name: 'date', patternSize: dateTimePatternSize, problems: unless(isDate, 'invalid date') }],
  [
    'datetime',
    { name: 'datetime', patternSize: dateTimePatternSize, problems: unless(isDateTime, 'invalid datetime') },
  ],
])

function unless(test: (text: string) => boolean, problem: string): NamedFormat['problems'] {
  return (text) => (test(text) ? [] : [problem])
}

/** A prefix of a generated name may end with a dash, because characters follow. */
function asPrefix(problems: NamedFormat['problems']): NamedFormat['problems'] {
  return (text) => problems(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -1)}a` : text)
}

function uriProblems(text: string): readonly string[] {
  try {
    parseRequestUri(text)
    return []
  } catch (error) {
    if (!(error instanceof UrlError)) throw error
    return [error.message]
  }
}

function isUuid(text: string): boolean {
  return uuidPattern.test(text)
}

function isBase64(text: string): boolean {
  return base64Pattern.test(text)
}

function isDate(text: string): boolean {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return false
  const ms = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text)
}

/** Compares the clock's parts as text and looks no further than a second `t`, as strfmt does. */
function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t')
  if (time === undefined || !isDate(date)) return false
  const match = dateTimePattern.exec(time)
  if (match === null) return false
  const [, hour = '', minute = '', second = ''] = match
  return hour <= '23' && minute <= '59' && second <= '59'
}
