/** A priority level at work: its configuration, its queues, and what it has lately asked for. */
import type { PriorityLevelConfiguration, PriorityLevelConfigurationSpec } from '../../api/flowcontrol/v1.ts'
import type { Demand, Limits, Shares } from './limits.ts'
import { maxSeatsOf } from './limits.ts'
import { type QueueConfig, QueueSet } from './queue-set.ts'
import { RetryAfter } from './retry-after.ts'
import { SeatDemand } from './seat-demand.ts'
import { Traffic } from './traffic.ts'

/** Half of an old demand is forgotten in five minutes. */
const smoothing = 0.977
/** FlowSchemas whose counts are kept per level; there are as many as admins write. */
const maxSchemas = 10_000

export type LevelOptions = {
  readonly now: () => number
  readonly later: (ms: number, release: () => void) => void
}

/** What a level has asked for, in the last period and smoothed over many. */
export type DemandStatistics = {
  readonly highest: number
  readonly average: number
  readonly deviation: number
  readonly smoothed: number
}

/** One priority level. */
export class Level {
  readonly name: string
  readonly queues: QueueSet
  readonly retryAfter = new RetryAfter()
  readonly traffic = new Map<string, Traffic>()
  readonly #demand: SeatDemand
  readonly #now: () => number
  spec: PriorityLevelConfigurationSpec
  uid: string
  limits: Limits | undefined
  current = 0
  /** The seats that one request may take; 0: no limit of this level. */
  maxSeats = 0
  /** Its object is gone; it only lets those finish who are here. */
  quiescing = false
  statistics: DemandStatistics = { highest: 0, average: 0, deviation: 0, smoothed: 0 }
  target = 0

  constructor({ metadata, spec }: LevelObject, { now, later }: LevelOptions) {
    this.name = metadata.name
    this.uid = metadata.uid
    this.spec = spec
    this.#now = now
    this.#demand = new SeatDemand(now())
    this.queues = new QueueSet({ now, later, demand: this.#demand })
  }

  get isExempt(): boolean {
    return this.spec.type === 'Exempt'
  }

  get shares(): Shares {
    const { limited, exempt } = this.spec
    const { nominalConcurrencyShares = 0, lendablePercent = 0 } = limited ?? exempt ?? {}
    const { borrowingLimitPercent } = limited ?? {}
    return {
      name: this.name,
      shares: nominalConcurrencyShares,
      lendablePercent,
      ...(borrowingLimitPercent === undefined ? {} : { borrowingLimitPercent }),
    }
  }

  get queueConfig(): QueueConfig {
    return queueConfigOf(this.spec)
  }

  /** Takes new nominal limits; a new level begins with half of what it lends away. */
  setLimits(limits: Limits): void {
    if (this.limits === undefined) this.current = limits.nominal - Math.floor((limits.nominal - limits.min) / 2)
    this.limits = limits
    const { type, handSize } = this.queueConfig
    this.maxSeats = type === 'queue' ? maxSeatsOf(limits.nominal, handSize) : 0
  }

  /** Closes the period that was, and says what the level asked for. */
  takeDemand(): Demand {
    const summary = this.#demand.reset(this.#now())
    const before = this.statistics
    if ('average' in summary) {
      const { average, deviation } = summary
      const envelope = average + deviation
      const smoothed = Math.max(envelope, smoothing * before.smoothed + (1 - smoothing) * envelope)
      this.statistics = { highest: summary.highest, average, deviation, smoothed }
    } else this.statistics = { ...before, highest: summary.highest }
    const { highest, smoothed } = this.statistics
    const limits = this.limits ?? { nominal: 0, min: 0, max: 0 }
    return { ...limits, name: this.name, isExempt: this.isExempt, highest, smoothed, current: this.current }
  }

  /** Puts the current limit into force. */
  configure(current: number): void {
    this.current = current
    if (this.queues.configure(this.queueConfig, current)) {
      for (const traffic of this.traffic.values()) traffic.hands.clear()
    }
  }

  trafficOf(schema: string): Traffic {
    const known = this.traffic.get(schema)
    if (known !== undefined) return known
    if (this.traffic.size >= maxSchemas) this.traffic.clear()
    const traffic = new Traffic(schema)
    this.traffic.set(schema, traffic)
    return traffic
  }
}

/** What of a PriorityLevelConfiguration matters here. */
export type LevelObject = Pick<PriorityLevelConfiguration, 'spec'> & {
  readonly metadata: { readonly name: string; readonly uid: string }
}

/** The queues that a spec asks for. */
export function queueConfigOf({ type, limited }: PriorityLevelConfigurationSpec): QueueConfig {
  if (type === 'Exempt') return { type: 'exempt', queues: 0, handSize: 0, queueLengthLimit: 0 }
  const queuing = limited?.limitResponse.queuing
  return queuing === undefined
    ? { type: 'reject', queues: 0, handSize: 0, queueLengthLimit: 0 }
    : { type: 'queue', ...queuing }
}
