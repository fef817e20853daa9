/** Event of events.k8s.io: the same objects as core events, with newer names. Source: pkg/apis/events/v1/conversion.go. */
import { invalidValue, required } from '../../apimachinery/field-errors.ts'
import type { Json } from '../../apimachinery/json.ts'
import { eventColumns, eventTtlSeconds, validateEvent } from '../core/event.ts'
import type { Event as CoreEvent } from '../core/v1.ts'
import { factsOf } from '../facts/resources.ts'
import { asInternal, type Causes, immutable, sameJson, when } from '../meta/causes.ts'
import { internalForm } from '../meta/internal-form.ts'
import { subdomainName } from '../meta/validation.ts'
import { type ApiObject, defineResource } from '../resource.ts'
import type { Event } from './v1.ts'

export const events = defineResource<Event>({
  facts: factsOf('events.k8s.io', 'events'),
  definition: 'events.v1.Event',
  hasGeneration: false,
  allowCreateOnUpdate: true,
  ttlSeconds: eventTtlSeconds,
  validateName: subdomainName,
  validate: (event) => [
    ...validateEvent(toCore(event), 'reportingController'),
    ...validateSeries(event),
    ...when((event.eventTime ?? undefined) === undefined, required('eventTime')),
    ...when(event.type !== 'Normal' && event.type !== 'Warning', () =>
      invalidValue('type', '', `has invalid value: ${event.type ?? ''}`),
    ),
    ...validateOldFields(event),
  ],
  validateUpdate: (event, old) => [
    ...validateEvent(toCore(event), 'reportingController'),
    ...(sameJson(event.series, old.series) ? [] : validateSeries(event)),
    ...validateFixed(event, old),
  ],
  columns: eventColumns().map((column) => ({ ...column, cell: (event, nowMs) => column.cell(toCore(event), nowMs) })),
  selectableFields: {
    'regarding.kind': (event) => event.regarding?.kind ?? '',
    'regarding.namespace': (event) => event.regarding?.namespace ?? '',
    'regarding.name': (event) => event.regarding?.name ?? '',
    'regarding.uid': (event) => event.regarding?.uid ?? '',
    'regarding.apiVersion': (event) => event.regarding?.apiVersion ?? '',
    'regarding.resourceVersion': (event) => event.regarding?.resourceVersion ?? '',
    'regarding.fieldPath': (event) => event.regarding?.fieldPath ?? '',
    reason: (event) => event.reason ?? '',
    reportingController: (event) => event.reportingController ?? '',
    type: (event) => event.type ?? '',
  },
  storedAs: { facts: factsOf('', 'events'), definition: 'core.v1.Event', toStored: toCore, fromStored: fromCore },
})

/** Only the series of an event may change. The names and their order are those of upstream's messages. */
function validateFixed(event: Event, old: Event): Causes {
  const same = (field: string, now: Json | undefined, before: Json | undefined, zero: Json) =>
    immutable(field, now ?? zero, before ?? zero)
  const reference = (field: string, now: Event['related'], before: Event['related']) =>
    immutable(field, internalForm(objectReference, now), internalForm(objectReference, before))
  const reason = same('reason', event.reason, old.reason, '')
  return [
    ...reference('involvedObject', event.regarding ?? {}, old.regarding ?? {}),
    ...reason,
    ...same('message', event.note, old.note, ''),
    ...immutable('source', internalSource(event), internalSource(old)),
    ...same('firstTimestamp', event.deprecatedFirstTimestamp, old.deprecatedFirstTimestamp, null),
    ...same('lastTimestamp', event.deprecatedLastTimestamp, old.deprecatedLastTimestamp, null),
    ...same('count', event.deprecatedCount, old.deprecatedCount, 0),
    // Upstream asks for the reason twice.
    ...reason,
    ...same('type', event.type, old.type, ''),
    ...same('eventTime', event.eventTime, old.eventTime, null),
    ...same('action', event.action, old.action, ''),
    ...reference('related', event.related, old.related),
    ...same('reportingController', event.reportingController, old.reportingController, ''),
    ...same('reportingInstance', event.reportingInstance, old.reportingInstance, ''),
  ]
}
const objectReference = 'core.v1.ObjectReference'

function internalSource({ deprecatedSource = {} }: Event): Json {
  return asInternal(deprecatedSource, [
    ['Component', 'component', ''],
    ['Host', 'host', ''],
  ])
}

/** One that was seen once is no series. Source: `validateV1EventSeries`. */
function validateSeries({ series }: Event): Causes {
  if (series === undefined) return []
  return [
    ...when(series.count < 2, invalidValue('series.count', '', 'should be at least 2')),
    ...when((series.lastObservedTime ?? undefined) === undefined, required('series.lastObservedTime')),
  ]
}

/** Fields of the old kind are for reading only. Source: `ValidateEventCreate`. */
function validateOldFields(event: Event): Causes {
  const { deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp, deprecatedCount } = event
  const times = [
    ['firstTimestamp', deprecatedFirstTimestamp],
    ['lastTimestamp', deprecatedLastTimestamp],
  ] as const
  return [
    ...when(Object.keys(deprecatedSource ?? {}).length > 0, invalidValue('source', '', 'needs to be unset')),
    ...times.flatMap(([field, time]) =>
      when((time ?? undefined) !== undefined, invalidValue(field, '', 'needs to be unset')),
    ),
    ...when(deprecatedCount !== undefined, invalidValue('count', '', 'needs to be unset')),
  ]
}

/** Newer name, older name; the rest is called the same. */
const renamed = [
  ['regarding', 'involvedObject'],
  ['note', 'message'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const
const toOld = new Map<string, string>(renamed)
const toNew = new Map<string, string>(renamed.map(([newer, older]) => [older, newer]))

function rename(object: object, names: ReadonlyMap<string, string>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [names.get(key) ?? key, value]))
}

// The two casts below are the boundary between two versions of one kind: the names are mapped one by one.
function toCore(event: Event): CoreEvent {
  const fields = { involvedObject: {}, source: {}, reportingComponent: '', reportingInstance: '' }
  return { ...fields, ...rename(event, toOld), apiVersion: 'v1' } as unknown as CoreEvent
}

function fromCore(event: ApiObject): Event {
  return { ...rename(event, toNew), apiVersion: 'events.k8s.io/v1' } as unknown as Event
}
