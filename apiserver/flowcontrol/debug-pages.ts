/** What waits and executes, for people. Pure. Source: upstream's `/debug/api_priority_and_fairness/` pages. */
import type { SeatRequest } from '../http/flow-control.ts'
import type { FlowController } from './flow-controller.ts'
import type { Level } from './level.ts'
import type { Flight, Queue } from './queue-set.ts'

const prefix = '/debug/api_priority_and_fairness/'

/** The text of a page; `undefined` for other paths. */
export function debugPage(controller: FlowController, path: string, query: URLSearchParams): string | undefined {
  if (!path.startsWith(prefix)) return undefined
  const levels = [...controller.levels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))
  switch (path.slice(prefix.length)) {
    case 'dump_priority_levels':
      return table([levelColumns, ...levels.map(levelRow)])
    case 'dump_queues':
      return table([queueColumns, ...levels.flatMap(queueRows)])
    case 'dump_requests': {
      const details = (query.get('includeRequestDetails') ?? '') !== ''
      const columns = details ? [...requestColumns, ...detailColumns] : requestColumns
      return table([columns, ...levels.flatMap((level) => requestRows(level, details))])
    }
    default:
      return undefined
  }
}

type Row = readonly string[]

const levelColumns: Row = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
]

function levelRow({ name, queues, quiescing }: Level): Row {
  const active = queues.queues.filter(({ waiting }) => waiting.length > 0).length
  const counts = [queues.waiting, queues.executing, queues.dispatched, queues.rejected, 0, queues.cancelled]
  return [name, String(active), String(queues.isIdle), String(quiescing), ...counts.map(String)]
}

const queueColumns: Row = [
  'PriorityLevelName',
  'Index',
  'PendingRequests',
  'ExecutingRequests',
  'SeatsInUse',
  'NextDispatchR',
  'InitialSeatsSum',
  'MaxSeatsSum',
  'TotalWorkSum',
]

function queueRows({ name, queues }: Level): readonly Row[] {
  return queues.queues.map((queue, index) => [name, ...[index, ...queueCounts(queue)].map(String)])
}

function queueCounts({
  waiting,
  executing,
  seatsInUse,
  nextDispatchR,
  waitingWork,
}: Queue): readonly (number | string)[] {
  const initial = waiting.reduce((sum, { initialSeats }) => sum + initialSeats, 0)
  const widest = waiting.reduce((sum, { width }) => sum + width, 0)
  return [
    waiting.length,
    executing.size,
    seatsInUse,
    seatSeconds(nextDispatchR),
    initial,
    widest,
    seatSeconds(waitingWork),
  ]
}

function seatSeconds(value: number): string {
  return `${value.toFixed(8)}ss`
}

const requestColumns: Row = [
  'PriorityLevelName',
  'FlowSchemaName',
  'QueueIndex',
  'RequestIndexInQueue',
  'FlowDistingsher',
  'ArriveTime',
  'InitialSeats',
  'FinalSeats',
  'AdditionalLatency',
  'StartTime',
]
const detailColumns: Row = ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource']

function requestRows({ name, queues }: Level, details: boolean): readonly Row[] {
  const row = (queue: number, position: number, flight: Flight): Row => [
    name,
    flight.traffic.schema,
    String(queue),
    String(position),
    ...requestCells(flight),
    ...(details ? detailCells(flight) : []),
  ]
  return [
    ...queues.queues.flatMap(({ waiting, executing }, index) => [
      ...waiting.map((flight, position) => row(index, position, flight)),
      ...[...executing].map((flight) => row(index, -1, flight)),
    ]),
    ...[...queues.executingWithoutQueue].map((flight) => row(-1, -1, flight)),
  ]
}

function requestCells(flight: Flight): Row {
  const { distinguisher, arrivalMs, initialSeats, finalSeats, additionalMs, startMs } = flight
  // Go's zero time stands for "not yet".
  const started = startMs === 0 ? '0001-01-01T00:00:00Z' : new Date(startMs).toISOString()
  const latency = additionalMs === 0 ? '0s' : `${additionalMs}ms`
  return [distinguisher, new Date(arrivalMs).toISOString(), String(initialSeats), String(finalSeats), latency, started]
}

function detailCells({ subject }: Flight): Row {
  // What a queue set is given as the subject of a flight is the request.
  const { user, info } = subject as SeatRequest
  const apiVersion = info.group === '' ? info.version : `${info.group}/${info.version}`
  return [user.name, info.verb, info.path, info.namespace, info.name, apiVersion, info.resource, info.subresource]
}

const narrowest = 8

/** Columns as wide as their widest cell, cells ended by commas. Source: Go's `tabwriter` with these settings. */
function table(rows: readonly Row[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(narrowest, ...rows.map((row) => (row[column] ?? '').length + 2)),
  )
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : `${cell},`.padEnd(widths[column] ?? 0))).join(''),
  )
  return `${lines.join('\n')}\n`
}
