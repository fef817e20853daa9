/** `ListOptions` and `GetOptions` from a query string, checked as upstream checks them. */
import type { ApiObject, Resource } from '../../api/resource.ts'
import { type FieldSelector, matchesFields, parseFieldSelector } from '../../apimachinery/selector/fields.ts'
import { matches, parseLabelSelector } from '../../apimachinery/selector/labels.ts'
import { badRequest, invalid, type StatusError } from '../../apimachinery/status.ts'
import type { CacheEntry } from '../storage/cache-entry.ts'

export type ListOptions = {
  readonly resourceVersion: string
  readonly resourceVersionMatch: '' | 'Exact' | 'NotOlderThan'
  readonly limit: number
  readonly continueToken: string
  readonly timeoutSeconds: number | undefined
  readonly allowWatchBookmarks: boolean
  readonly sendInitialEvents: boolean | undefined
  /** `undefined`: every object. */
  readonly predicate: Predicate | undefined
}
export type Predicate = (entry: CacheEntry) => boolean

/** Reads the options of a list or watch. Throws BadRequest or Invalid. */
export function parseListOptions(resource: Resource, query: URLSearchParams, isWatch: boolean): ListOptions {
  const sendInitialEvents = query.get('sendInitialEvents')
  const options: ListOptions = {
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: matchOf(query.get('resourceVersionMatch') ?? ''),
    limit: wholeNumber(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    timeoutSeconds: wholeNumber(query, 'timeoutSeconds'),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: sendInitialEvents === null ? undefined : isTrue(sendInitialEvents),
    predicate: predicateOf(resource, query),
  }
  if (isWatch) checkWatchOptions(options)
  else checkListOptions(options)
  return options
}

function matchOf(text: string): ListOptions['resourceVersionMatch'] {
  if (text === '' || text === 'Exact' || text === 'NotOlderThan') return text
  throw invalidOptions('resourceVersionMatch', 'FieldValueNotSupported', [
    `Unsupported value: ${JSON.stringify(text)}: supported values: "Exact", "NotOlderThan"`,
  ])
}

function invalidOptions(
  field: string,
  reason: 'FieldValueNotSupported' | 'FieldValueForbidden' | 'FieldValueInvalid',
  messages: readonly string[],
): StatusError {
  return invalid(
    { group: 'meta.k8s.io', kind: 'ListOptions' },
    '',
    messages.map((message) => ({ reason, field, message })),
  )
}

/** Source: `ValidateListOptions`. */
function checkListOptions(options: ListOptions): void {
  const { resourceVersion, resourceVersionMatch, continueToken, sendInitialEvents } = options
  if (sendInitialEvents !== undefined) {
    throw forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')
  }
  if (resourceVersionMatch === '') return
  if (continueToken !== '') throw forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden for continue')
  if (resourceVersion === '') {
    throw forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')
  }
  if (resourceVersionMatch === 'Exact' && resourceVersion === '0') {
    throw forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')
  }
}

function checkWatchOptions({ resourceVersionMatch, sendInitialEvents }: ListOptions): void {
  if (sendInitialEvents === undefined) {
    if (resourceVersionMatch === '') return
    throw forbidden(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    )
  }
  if (resourceVersionMatch === '') {
    throw forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')
  }
  if (resourceVersionMatch !== 'NotOlderThan') {
    throw invalidOptions('resourceVersionMatch', 'FieldValueNotSupported', [
      `Unsupported value: ${JSON.stringify(resourceVersionMatch)}: supported values: "NotOlderThan"`,
    ])
  }
}

function forbidden(field: string, message: string): StatusError {
  return invalidOptions(field, 'FieldValueForbidden', [`Forbidden: ${message}`])
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  if (!/^-?\d+$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
  }
  return Number(text)
}

/** Query values that mean yes. Source: `Convert_Slice_string_To_bool`. */
export function isTrue(text: string | null): boolean {
  return text !== null && text.toLowerCase() !== 'false' && text !== '0'
}

/** A revision from a query; `undefined` for unset. Throws BadRequest. */
export function parseResourceVersion(text: string): number | undefined {
  if (text === '') return undefined
  if (!/^\d+$/.test(text)) {
    throw invalidOptions('resourceVersion', 'FieldValueInvalid', [
      `Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    ])
  }
  return Number(text)
}

function predicateOf(resource: Resource, query: URLSearchParams): Predicate | undefined {
  const labelText = query.get('labelSelector') ?? ''
  const fieldText = query.get('fieldSelector') ?? ''
  if (labelText === '' && fieldText === '') return undefined
  const labels = parseLabels(labelText)
  const fields = fieldText === '' ? [] : parseFieldSelector(fieldText)
  checkFields(resource, fields)
  return (entry) => {
    const { object } = entry.view(resource)
    return (
      (labelText === '' || matches(labels, object.metadata.labels)) &&
      (fields.length === 0 || matchesFields(fields, (field) => fieldOf(resource, object, field)))
    )
  }
}

function parseLabels(text: string): ReturnType<typeof parseLabelSelector> {
  return parseLabelSelector(text)
}

/** Messages as each kind's conversion of field labels has them. */
function checkFields({ facts, selectableFields }: Resource, fields: FieldSelector): void {
  for (const { field } of fields) {
    if (field === 'metadata.name' || field === 'metadata.namespace' || selectableFields?.[field] !== undefined) continue
    if (selectableFields === undefined) {
      const only = 'only "metadata.name", "metadata.namespace"'
      throw badRequest(`${JSON.stringify(field)} is not a known field selector: ${only}`)
    }
    const isJob = facts.group === 'batch'
    throw badRequest(
      isJob ? `field label ${JSON.stringify(field)} not supported for Job` : `field label not supported: ${field}`,
    )
  }
}

function fieldOf(resource: Resource, object: ApiObject, field: string): string {
  if (field === 'metadata.name') return object.metadata.name
  if (field === 'metadata.namespace') return object.metadata.namespace ?? ''
  return resource.selectableFields?.[field]?.(object) ?? ''
}
