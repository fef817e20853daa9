/** Facts of events.v1: per definition its fields as `number[!] type flags =default`; see `apimachinery/schema/facts.ts`. */
export const eventsV1 = {
  'events.v1.Event': {
    gvk: { group: 'events.k8s.io', version: 'v1', kind: 'Event' },
    fields: {
      apiVersion: '0 string',
      kind: '0 string',
      metadata: '1 meta.v1.ObjectMeta ={}',
      eventTime: '2! microTime null',
      series: '3 events.v1.EventSeries',
      reportingController: '4 string',
      reportingInstance: '5 string',
      action: '6 string',
      reason: '7 string',
      regarding: '8 core.v1.ObjectReference ={}',
      related: '9 core.v1.ObjectReference',
      note: '10 string',
      type: '11 string',
      deprecatedSource: '12 core.v1.EventSource ={}',
      deprecatedFirstTimestamp: '13 time null',
      deprecatedLastTimestamp: '14 time null',
      deprecatedCount: '15 int32',
    },
  },
  'events.v1.EventSeries': {
    fields: {
      count: '1! int32 =0',
      lastObservedTime: '2! microTime null',
    },
  },
} as const
