/** What happened at one priority level to the requests of one FlowSchema: the counts behind the metrics. */
import { Buckets } from '../../component-base/buckets.ts'

export const rejectReasons = ['concurrency-limit', 'queue-full', 'time-out'] as const
export type RejectReason = (typeof rejectReasons)[number]

const seconds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]

/** Counts of one FlowSchema at one priority level. */
export class Traffic {
  readonly schema: string
  inQueueRequests = 0
  inQueueSeats = 0
  executing = 0
  executingSeats = 0
  dispatched = 0
  noAccommodation = 0
  readonly rejected: Record<RejectReason, number> = {
    'concurrency-limit': 0,
    'queue-full': 0,
    'time-out': 0,
  }
  readonly waitedAndRan = new Buckets(seconds)
  readonly waitedInVain = new Buckets(seconds)
  readonly ran = new Buckets(seconds)
  readonly began = new Buckets(seconds)
  readonly queueLength = new Buckets([0, 10, 25, 50, 100, 250, 500, 1000])
  readonly seats = new Buckets([1, 2, 4, 8, 16, 32, 64, 100])
  readonly watchers = new Buckets([0, 1, 10, 100, 1000, 10000])
  /** The hands of queues that flows were dealt, by distinguisher. */
  readonly hands = new Map<string, readonly number[]>()

  constructor(schema: string) {
    this.schema = schema
  }
}
