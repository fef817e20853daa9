/** Event: something that happened to an object. Stored for an hour. Source: `printEvent`, `ValidateEventCreate`. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import { isQualifiedName } from '../../apimachinery/names.ts'
import { factsOf } from '../facts/resources.ts'
import { type Causes, invalidValues, when } from '../meta/causes.ts'
import { ago, text } from '../meta/columns.ts'
import { byteLength, subdomainName } from '../meta/validation.ts'
import { type Column, defineResource } from '../resource.ts'
import type { Event } from './v1.ts'

/** Source: `--event-ttl`. */
export const eventTtlSeconds = 3600

export const events = defineResource<Event>({
  facts: factsOf('', 'events'),
  definition: 'core.v1.Event',
  metadataRules: { update: 'none', finalizers: 'any' },
  hasGeneration: false,
  allowCreateOnUpdate: true,
  ttlSeconds: eventTtlSeconds,
  validateName: subdomainName,
  validate: (event) => validateEvent(event, 'reportingComponent'),
  validateUpdate: (event) => validateEvent(event, 'reportingComponent'),
  columns: eventColumns(),
  selectableFields: {
    'involvedObject.kind': (event) => event.involvedObject?.kind ?? '',
    'involvedObject.namespace': (event) => event.involvedObject?.namespace ?? '',
    'involvedObject.name': (event) => event.involvedObject?.name ?? '',
    'involvedObject.uid': (event) => event.involvedObject?.uid ?? '',
    'involvedObject.apiVersion': (event) => event.involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': (event) => event.involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': (event) => event.involvedObject?.fieldPath ?? '',
    reason: (event) => event.reason ?? '',
    reportingComponent: (event) => event.reportingComponent ?? '',
    source: (event) => event.source?.component || event.reportingComponent || '',
    type: (event) => event.type ?? '',
  },
})

/** The columns of both event kinds; the other one is shown as this one. */
export function eventColumns(): readonly Column<Event>[] {
  return [
    text('Last Seen', lastSeen),
    text('Type', (event) => event.type ?? ''),
    text('Reason', (event) => event.reason ?? ''),
    text('Object', target),
    text('Subobject', (event) => event.involvedObject?.fieldPath ?? '', true),
    text('Source', source, true),
    text('Message', (event) => (event.message ?? '').trim()),
    text('First Seen', firstSeen, true),
    text('Count', (event) => event.series?.count ?? (event.count || 1), true),
    { name: 'Name', type: 'string', format: 'name', wide: true, cell: (event) => event.metadata.name },
  ]
}

function firstSeen(event: Event, nowMs: number): string {
  return ago(event.firstTimestamp ?? event.eventTime, nowMs)
}

function lastSeen(event: Event, nowMs: number): string {
  if (event.series !== undefined) return ago(event.series.lastObservedTime, nowMs)
  const last = event.lastTimestamp ?? undefined
  return last === undefined ? firstSeen(event, nowMs) : ago(last, nowMs)
}

function target({ involvedObject }: Event): string {
  const kind = (involvedObject?.kind ?? '').toLowerCase()
  const name = involvedObject?.name ?? ''
  return name === '' ? kind : `${kind}/${name}`
}

function source({ source: from, reportingComponent, reportingInstance }: Event): string {
  const component = from?.component || reportingComponent || ''
  const host = from?.host || reportingInstance || ''
  return host === '' ? component : `${component}, ${host}`
}

/**
 * What both kinds of events are held to; `controllerField` is what the kind calls the reporting controller.
 * Source: `legacyValidateEvent`.
 */
export function validateEvent(event: Event, controllerField: string): Causes {
  return (event.eventTime ?? undefined) === undefined
    ? validateNamespace(event)
    : validateNewStyle(event, controllerField)
}

const noMatch = 'does not match event.namespace'

/** Events about cluster-scoped objects live in `default`. */
function validateNamespace({ involvedObject, metadata }: Event): Causes {
  const about = involvedObject?.namespace ?? ''
  const mine = metadata.namespace ?? ''
  const fits = about === '' ? mine === '' || mine === 'default' : about === mine
  return when(!fits, () => invalidValue('involvedObject.namespace', about, noMatch))
}

const maxReason = 128
const maxAction = 128
const maxNote = 1024
const maxInstance = 128

/** Events with `eventTime` say who saw what. */
function validateNewStyle(event: Event, controllerField: string): Causes {
  const { reportingComponent = '', reportingInstance = '', action = '', reason = '', message = '' } = event
  const { involvedObject, metadata } = event
  const mine = metadata.namespace ?? ''
  return [
    ...when((involvedObject?.namespace ?? '') === '' && mine !== 'default' && mine !== 'kube-system', () =>
      invalidValue('involvedObject.namespace', '', noMatch),
    ),
    ...when(reportingComponent === '', required(controllerField)),
    ...invalidValues(controllerField, reportingComponent, isQualifiedName(reportingComponent)),
    ...bounded('reportingInstance', reportingInstance, maxInstance),
    ...bounded('action', action, maxAction),
    ...bounded('reason', reason, maxReason),
    ...when(byteLength(message) > maxNote, () => invalidValue('message', '', `can have at most ${maxNote} characters`)),
  ]
}

function bounded(field: string, value: string, max: number): Causes {
  if (value === '') return [required(field)]
  return when(byteLength(value) > max, () => invalidValue(field, '', `can have at most ${max} characters`))
}
