/**
 * `apiserver_flowcontrol_*` under upstream's names, read from the controller when someone asks: counting costs requests
 * nothing but additions. Upstream's time-weighted ratio histograms are not here.
 */
import type { Buckets } from '../../component-base/buckets.ts'
import type { Registry } from '../../component-base/metrics.ts'
import {
  type Labels,
  registerCounter,
  registerGauge,
  registerHistogram,
  type Samples,
} from '../../component-base/tallies.ts'
import type { FlowController } from './flow-controller.ts'
import type { Level } from './level.ts'
import { rejectReasons, type Traffic } from './traffic.ts'
import { requestKinds } from './watermark.ts'

/** Registers the metrics. */
export function registerFlowMetrics(registry: Registry, controller: FlowController): void {
  const name = (suffix: string): string => `apiserver_flowcontrol_${suffix}`
  for (const [suffix, [help, value]] of Object.entries(levelGauges)) {
    const sample = (): Samples<number> => perLevel(controller, value)
    registerGauge(registry, { name: name(suffix), help: staged(suffix, help), labelNames: ['priority_level'] }, sample)
  }
  for (const [suffix, [help, value]] of Object.entries(trafficGauges)) {
    registerGauge(registry, { name: name(suffix), help: staged(suffix, help), labelNames: bothLabels }, () =>
      perTraffic(controller, value),
    )
  }
  for (const [suffix, [help, value]] of Object.entries(trafficCounters)) {
    registerCounter(registry, { name: name(suffix), help: staged(suffix, help), labelNames: bothLabels }, () =>
      perTraffic(controller, value),
    )
  }
  for (const [suffix, [help, label, parts]] of Object.entries(histograms)) {
    const labels = label === '' ? bothLabels : [...bothLabels, label]
    const samples = (): Samples<Buckets> =>
      Object.entries(parts).flatMap(([part, value]) =>
        perTraffic(controller, value, label === '' ? {} : { [label]: part }),
      )
    registerHistogram(registry, { name: name(suffix), help: staged(suffix, help), labelNames: labels }, samples)
  }
  registerCounter(
    registry,
    {
      name: name('rejected_requests_total'),
      help: staged('rejected_requests_total', 'Number of requests rejected by API Priority and Fairness subsystem'),
      labelNames: [...bothLabels, 'reason'],
    },
    () =>
      rejectReasons
        .flatMap((reason) => perTraffic(controller, ({ rejected }) => rejected[reason], { reason }))
        .filter(({ value }) => value > 0),
  )
  registerGauge(
    registry,
    {
      name: name('seat_fair_frac'),
      help: staged('', "Fair fraction of server's concurrency to allocate to each priority level that can use it"),
      labelNames: [],
    },
    () => [{ labels: {}, value: controller.fairFraction }],
  )
  registerWatermarks(registry, controller)
}

/** Names of dashboards that are older than fairness. */
function registerWatermarks(registry: Registry, controller: FlowController): void {
  const gauges = [
    [
      'apiserver_current_inflight_requests',
      '[STABLE] Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
      controller.executing,
    ],
    [
      'apiserver_current_inqueue_requests',
      '[ALPHA] Maximal number of queued requests in this apiserver per request kind in last second.',
      controller.waiting,
    ],
  ] as const
  for (const [name, help, watermark] of gauges) {
    registerGauge(registry, { name, help, labelNames: ['request_kind'] }, () =>
      requestKinds.map((kind) => ({ labels: { request_kind: kind }, value: watermark.highest(kind) })),
    )
  }
}

/** How stable upstream calls a metric. */
function staged(suffix: string, help: string): string {
  return `[${beta.has(suffix) ? 'BETA' : 'ALPHA'}] ${help}`
}

const beta = new Set([
  'rejected_requests_total',
  'dispatched_requests_total',
  'current_inqueue_requests',
  'current_executing_requests',
  'current_executing_seats',
  'request_wait_duration_seconds',
  'nominal_limit_seats',
])

const bothLabels = ['priority_level', 'flow_schema']

type LevelValue = readonly [help: string, value: (level: Level) => number]
const nominalHelp = 'Nominal number of execution seats configured for each priority level'
const levelGauges: Readonly<Record<string, LevelValue>> = {
  nominal_limit_seats: [nominalHelp, ({ limits }) => limits?.nominal ?? 0],
  lower_limit_seats: [
    'Configured lower bound on number of execution seats available to each priority level',
    ({ limits }) => limits?.min ?? 0,
  ],
  upper_limit_seats: [
    'Configured upper bound on number of execution seats available to each priority level',
    ({ limits }) => limits?.max ?? 0,
  ],
  current_limit_seats: [
    'current derived number of execution seats available to each priority level',
    ({ current }) => current,
  ],
  current_r: ['R(time of last change)', ({ queues }) => queues.currentR],
  demand_seats_high_watermark: [
    'High watermark, over last adjustment period, of demand_seats',
    ({ statistics }) => statistics.highest,
  ],
  demand_seats_average: [
    'Time-weighted average, over last adjustment period, of demand_seats',
    ({ statistics }) => statistics.average,
  ],
  demand_seats_stdev: [
    'Time-weighted standard deviation, over last adjustment period, of demand_seats',
    ({ statistics }) => statistics.deviation,
  ],
  demand_seats_smoothed: ['Smoothed seat demands', ({ statistics }) => statistics.smoothed],
  target_seats: ['Seat allocation targets', ({ target }) => target],
}

type TrafficValue<T = number> = readonly [help: string, value: (traffic: Traffic) => T]
const trafficGauges: Readonly<Record<string, TrafficValue>> = {
  current_inqueue_requests: [
    'Number of requests currently pending in queues of the API Priority and Fairness subsystem',
    ({ inQueueRequests }) => inQueueRequests,
  ],
  current_inqueue_seats: [
    'Number of seats currently pending in queues of the API Priority and Fairness subsystem',
    ({ inQueueSeats }) => inQueueSeats,
  ],
  current_executing_requests: [
    'Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem',
    ({ executing }) => executing,
  ],
  current_executing_seats: [
    'Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem',
    ({ executingSeats }) => executingSeats,
  ],
}
const trafficCounters: Readonly<Record<string, TrafficValue>> = {
  dispatched_requests_total: [
    'Number of requests executed by API Priority and Fairness subsystem',
    ({ dispatched }) => dispatched,
  ],
  request_dispatch_no_accommodation_total: [
    'Number of times a dispatch attempt resulted in a non accommodation due to lack of available seats',
    ({ noAccommodation }) => noAccommodation,
  ],
}

type HistogramValue = readonly [
  help: string,
  label: string,
  parts: Readonly<Record<string, (traffic: Traffic) => Buckets>>,
]
const histograms: Readonly<Record<string, HistogramValue>> = {
  request_wait_duration_seconds: [
    'Length of time a request spent waiting in its queue',
    'execute',
    { true: ({ waitedAndRan }) => waitedAndRan, false: ({ waitedInVain }) => waitedInVain },
  ],
  request_execution_seconds: [
    'Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem',
    'type',
    { regular: ({ ran }) => ran, watch: ({ began }) => began },
  ],
  request_queue_length_after_enqueue: [
    'Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued',
    '',
    { '': ({ queueLength }) => queueLength },
  ],
  watch_count_samples: [
    'count of watchers for mutating requests in API Priority and Fairness',
    '',
    { '': ({ watchers }) => watchers },
  ],
  work_estimated_seats: [
    'Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness',
    '',
    { '': ({ seats }) => seats },
  ],
}

function perLevel({ levels }: FlowController, value: (level: Level) => number): Samples<number> {
  return [...levels.values()].map((level) => ({ labels: { priority_level: level.name }, value: value(level) }))
}

/** One sample for each FlowSchema of each level that has had requests. */
function perTraffic<T>({ levels }: FlowController, value: (traffic: Traffic) => T, more: Labels = {}): Samples<T> {
  return [...levels.values()].flatMap((level) =>
    [...level.traffic.values()].filter(isUsed).map((traffic) => ({
      labels: { priority_level: level.name, flow_schema: traffic.schema, ...more },
      value: value(traffic),
    })),
  )
}

function isUsed({ seats }: Traffic): boolean {
  return seats.counts.some((count) => count > 0)
}
