import type { Api } from '../facts/table.ts'

export type Event = Api<'events.v1.Event'>
export type EventSeries = Api<'events.v1.EventSeries'>
