/**
 * `ListOptions` and `GetOptions` from a query string, checked as upstream checks them: first that every parameter can be read,
 * then what they say together (all causes at once), then whether the kind knows the selected fields.
 * Source: `listOpts` and `ValidateListOptions`.
 */
import type { Resource } from '../../api/resource.ts'
import { goQuote } from '../../apimachinery/field-errors.ts'
import { exactField } from '../../apimachinery/selector/fields.ts'
import { badRequest, invalid, type StatusCause, StatusError } from '../../apimachinery/status.ts'
import { checkFields, type Predicate, parseSelectors, predicateOf } from './field-selection.ts'

export type ListOptions = {
  readonly resourceVersion: string
  readonly resourceVersionMatch: '' | 'Exact' | 'NotOlderThan'
  readonly limit: number
  readonly continueToken: string
  readonly timeoutSeconds: number | undefined
  readonly allowWatchBookmarks: boolean
  readonly sendInitialEvents: boolean | undefined
  /** The one name that the path or the field selector asks for. */
  readonly name: string | undefined
  /** `undefined`: every object. */
  readonly predicate: Predicate | undefined
}

type RawOptions = Omit<ListOptions, 'resourceVersionMatch' | 'name' | 'predicate'> & {
  readonly resourceVersionMatch: string
}

/** Reads the options of a list or watch; `name` is what the path or field selector names. Throws BadRequest or Invalid. */
export function parseListOptions(
  resource: Resource,
  query: URLSearchParams,
  isWatch: boolean,
  name: string,
): ListOptions {
  const raw = readOptions(query)
  const selectors = parseSelectors(query)
  const options = isWatch ? withWatchDefaults(raw) : raw
  const causes = isWatch ? watchCauses(options) : listCauses(options)
  if (causes.length > 0) throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', causes)
  checkFields(resource, selectors.fields)
  const fields = withName(selectors.fields, name)
  return {
    ...options,
    // Anything else has just been refused.
    resourceVersionMatch: options.resourceVersionMatch as ListOptions['resourceVersionMatch'],
    name: exactField(fields, 'metadata.name'),
    predicate: predicateOf(resource, { ...selectors, fields }),
  }
}

type Fields = ReturnType<typeof parseSelectors>['fields']

function withName(fields: Fields, name: string): Fields {
  if (name === '') return fields
  if (fields.length === 0) return [{ field: 'metadata.name', operator: '=', value: name }]
  if (exactField(fields, 'metadata.name') === name) return fields
  throw badRequest(`fieldSelector metadata.name doesn't match requested name`)
}

function readOptions(query: URLSearchParams): RawOptions {
  const sendInitialEvents = query.get('sendInitialEvents')
  return {
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    timeoutSeconds: wholeNumber(query, 'timeoutSeconds'),
    limit: wholeNumber(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: sendInitialEvents === null ? undefined : isTrue(sendInitialEvents),
  }
}

/** A watch from nowhere in particular begins with the state. Source: `SetListOptionsDefaults`. */
function withWatchDefaults(options: RawOptions): RawOptions {
  const { resourceVersion, resourceVersionMatch, sendInitialEvents } = options
  const isLegacy = resourceVersion === '' || resourceVersion === '0'
  if (sendInitialEvents !== undefined || resourceVersionMatch !== '' || !isLegacy) return options
  return { ...options, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
}

function listCauses(options: RawOptions): readonly StatusCause[] {
  const { resourceVersion, resourceVersionMatch: match, continueToken, sendInitialEvents } = options
  const causes: (StatusCause | false)[] =
    match === ''
      ? []
      : [
          resourceVersion === '' && forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided'),
          continueToken !== '' && forbidden('resourceVersionMatch is forbidden when continue is provided'),
          match !== 'Exact' && match !== 'NotOlderThan' && unsupported(match, '"Exact", "NotOlderThan", ""'),
          match === 'Exact' &&
            resourceVersion === '0' &&
            forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"'),
        ]
  if (sendInitialEvents !== undefined) {
    causes.push(forbidden('sendInitialEvents is forbidden for list', 'sendInitialEvents'))
  }
  return causes.filter((cause) => cause !== false)
}

function watchCauses(options: RawOptions): readonly StatusCause[] {
  const { resourceVersionMatch: match, continueToken, sendInitialEvents } = options
  const causes = [
    sendInitialEvents !== undefined &&
      match !== 'NotOlderThan' &&
      forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    match !== '' &&
      sendInitialEvents === undefined &&
      forbidden('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided'),
    match !== '' && match !== 'NotOlderThan' && unsupported(match, '"NotOlderThan"'),
    match !== '' && continueToken !== '' && forbidden('resourceVersionMatch is forbidden when continue is provided'),
  ]
  return causes.filter((cause) => cause !== false)
}

function forbidden(message: string, field = 'resourceVersionMatch'): StatusCause {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${message}` }
}

function unsupported(value: string, supported: string): StatusCause {
  const message = `Unsupported value: ${goQuote(value)}: supported values: ${supported}`
  return { reason: 'FieldValueNotSupported', field: 'resourceVersionMatch', message }
}

const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }
const uint64 = { min: 0n, max: 2n ** 64n - 1n }

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const problem = numberProblem('strconv.ParseInt', text, /^[-+]?\d+$/, int64)
  if (problem !== undefined) throw badRequest(problem)
  return Number(text)
}

/** What Go's `strconv` says about a text that is no number. */
function numberProblem(
  parser: string,
  text: string,
  form: RegExp,
  { min, max }: { readonly min: bigint; readonly max: bigint },
): string | undefined {
  if (!form.test(text)) return `${parser}: parsing ${goQuote(text)}: invalid syntax`
  const value = BigInt(text.replace(/^\+/, ''))
  return value < min || value > max ? `${parser}: parsing ${goQuote(text)}: value out of range` : undefined
}

/** Query values that mean yes. Source: `Convert_Slice_string_To_bool`. */
export function isTrue(text: string | null): boolean {
  return text !== null && text.toLowerCase() !== 'false' && text !== '0'
}

/** A revision from a query; `undefined` for unset. Throws as upstream's storage does: without a reason, code 500. */
export function parseResourceVersion(text: string): number | undefined {
  const problem = resourceVersionProblem(text)
  if (problem !== undefined) throw new StatusError('', problem, undefined, 500)
  return text === '' ? undefined : Number(text)
}

/** The same for lists, which are checked before: BadRequest. Source: `storage.ValidateListOptions`. */
export function parseListRevision(text: string): number | undefined {
  const problem = resourceVersionProblem(text)
  if (problem !== undefined) throw badRequest(`invalid resource version: ${problem}`)
  return text === '' ? undefined : Number(text)
}

function resourceVersionProblem(text: string): string | undefined {
  if (text === '') return undefined
  const problem = numberProblem('strconv.ParseUint', text, /^\d+$/, uint64)
  return problem === undefined ? undefined : `resourceVersion: Invalid value: ${goQuote(text)}: ${problem}`
}
