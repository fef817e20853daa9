/**
 * API priority and fairness: who may go on, who waits, who is refused.
 *
 *   request ──▶ FlowSchema (match.ts) ──▶ priority level ──▶ queue of the flow's hand ──▶ seat
 *
 * One request costs about a microsecond here when nothing waits: the rules that can match a user are found once, the hand of a
 * flow is dealt once, and what is counted are plain numbers. Source: KEP-1040.
 */
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/mandatory.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/flowcontrol/v1.ts'
import type { Clock } from '../../component-base/clock.ts'
import { type FlowControl, type FlowSeat, OverloadedError, type SeatRequest } from '../http/flow-control.ts'
import type { RequestInfo, UserInfo } from '../http/request-info.ts'
import { Level, type LevelObject } from './level.ts'
import { adjustLimits, nominalLimits } from './limits.ts'
import { Lingering } from './lingering.ts'
import { type CompiledSchema, compileSchema, inMatchingOrder, matchRequest, rulesFor, type UserRules } from './match.ts'
import type { Flight } from './queue-set.ts'
import type { Traffic } from './traffic.ts'
import { WatchCounts } from './watch-counts.ts'
import { requestKind, Watermark } from './watermark.ts'
import { estimateWork, isOneSeat, oneSeat, type StoredObjects, type Work, widthOf } from './work.ts'

/** Users whose rules are remembered; each is a few references. */
const maxUsers = 4_096
const adjustEveryMs = 10_000
const timeoutsEveryMs = 100
/** The part of a request's time that it may wait, and no request waits longer than a minute. */
const waitFraction = 1 / 4
const longestWaitMs = 60_000

export type FlowControllerOptions = {
  readonly clock: Clock
  /** Source: `--max-requests-inflight` and `--max-mutating-requests-inflight` together. */
  readonly serverSeats: number
  /** What is stored of a kind; `undefined` for kinds of others. */
  readonly storedObjects: (info: RequestInfo) => StoredObjects | undefined
}

/** A FlowSchema with where it leads. */
type Route = CompiledSchema & {
  readonly level: Level
  readonly traffic: Traffic
  readonly headers: Readonly<Record<string, string>>
  readonly distinguish: 'user' | 'namespace' | 'none'
}
type KnownUser = { readonly groups: readonly string[]; readonly rules: readonly UserRules<Route>[] }
type Waiter = { readonly untilMs: number; readonly giveUp: () => void }

/** Decides about every request by the FlowSchemas and PriorityLevelConfigurations that there are. */
export class FlowController implements FlowControl {
  readonly #options: FlowControllerOptions
  readonly #lingering: Lingering
  readonly #watches = new WatchCounts()
  readonly #waiters = new Set<Waiter>()
  readonly executing = new Watermark()
  readonly waiting = new Watermark()
  readonly #users = new Map<string, KnownUser>()
  #levels: ReadonlyMap<string, Level> = new Map()
  #routes: readonly Route[] = []
  #configuration: readonly [readonly PriorityLevelConfiguration[], readonly FlowSchema[]] = [[], []]
  #fairFraction = 0

  constructor(options: FlowControllerOptions) {
    this.#options = options
    this.#lingering = new Lingering(options.clock)
    this.configure([], [])
  }

  get levels(): ReadonlyMap<string, Level> {
    return this.#levels
  }

  get fairFraction(): number {
    return this.#fairFraction
  }

  /** Takes a new configuration as a whole. What the cluster must have and lacks is imagined. */
  configure(objects: readonly PriorityLevelConfiguration[], schemas: readonly FlowSchema[]): void {
    this.#configuration = [objects, schemas]
    const usable = objects.filter(isUsable)
    const names = new Set(usable.map(({ metadata }) => metadata.name))
    const imagined = imaginedLevels.filter(({ metadata }) => !names.has(metadata.name))
    const next = new Map([...usable, ...imagined].map((object) => [object.metadata.name, this.#levelFor(object)]))
    for (const [name, level] of this.#levels) {
      if (next.has(name) || level.queues.isIdle) continue
      level.quiescing = true
      next.set(name, level)
    }
    this.#levels = next
    const limits = nominalLimits(
      [...next.values()].map(({ shares }) => shares),
      this.#options.serverSeats,
    )
    for (const level of next.values()) level.setLimits(limits.get(level.name) ?? { nominal: 0, min: 0, max: 0 })
    this.#adjust()
    this.#routes = this.#routesFor(schemas.filter(({ spec }) => names.has(spec.priorityLevelConfiguration.name)))
    this.#users.clear()
  }

  /** Shares the seats anew every 10 s, and ends waits that have lasted too long, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    let adjustAt = clock.now() + adjustEveryMs
    for (;;) {
      await clock.sleep(timeoutsEveryMs, signal)
      const nowMs = clock.now()
      this.executing.advance(nowMs)
      this.waiting.advance(nowMs)
      for (const { untilMs, giveUp } of [...this.#waiters]) if (untilMs <= nowMs) giveUp()
      if (nowMs < adjustAt) continue
      adjustAt = nowMs + adjustEveryMs
      this.#adjust()
    }
  }

  /** A seat, at once or later; `undefined` for requests that are not counted: streams other than watches. */
  start(request: SeatRequest): FlowSeat | undefined | Promise<FlowSeat> {
    const { user, info, isLongRunning } = request
    if (isLongRunning && info.verb !== 'watch') return undefined
    const route = this.#routeOf(user, info)
    const { level, traffic } = route
    const work = this.#workOf(route, request)
    traffic.seats.observe(widthOf(work))
    const distinguisher = distinguisherOf(route, user, info)
    const flight = level.queues.start({ traffic, distinguisher, work, subject: request })
    if (typeof flight === 'string') {
      if (!level.isExempt) traffic.waitedInVain.observe(0)
      this.#reap(level)
      throw this.#refusal(route)
    }
    return flight.state === 'executing' ? this.#seat(route, flight, request) : this.#wait(route, flight, request)
  }

  #levelFor(object: LevelObject): Level {
    const { clock } = this.#options
    const known = this.#levels.get(object.metadata.name)
    const level =
      known ??
      new Level(object, {
        now: () => clock.now(),
        later: (ms, release) => this.#lingering.add(ms, release),
      })
    level.spec = object.spec
    level.uid = object.metadata.uid
    level.quiescing = false
    return level
  }

  #routesFor(schemas: readonly FlowSchema[]): readonly Route[] {
    const missing = (name: string): readonly FlowSchema[] =>
      schemas.some(({ metadata }) => metadata.name === name)
        ? []
        : imaginedSchemas.filter(({ metadata }) => metadata.name === name)
    const all = [...missing('exempt'), ...inMatchingOrder(schemas), ...missing('catch-all')]
    return all.flatMap((schema) => {
      const level = this.#levels.get(schema.spec.priorityLevelConfiguration.name)
      return level === undefined ? [] : [routeTo(level, schema)]
    })
  }

  #routeOf(user: UserInfo, info: RequestInfo): Route {
    const route = matchRequest(this.#rulesOf(user), info)
    if (route !== undefined) return route
    // Everyone is authenticated or not, and `catch-all` takes both; this is for those who are neither.
    const last = this.#routes.find(({ schema }) => schema.metadata.name === 'catch-all')
    if (last === undefined) throw new TypeError('there is no FlowSchema catch-all')
    return last
  }

  #rulesOf(user: UserInfo): readonly UserRules<Route>[] {
    const known = this.#users.get(user.name)
    if (known !== undefined && isSameList(known.groups, user.groups)) return known.rules
    const rules = rulesFor(this.#routes, user)
    if (this.#users.size >= maxUsers) this.#users.clear()
    this.#users.set(user.name, { groups: user.groups, rules })
    return rules
  }

  #workOf({ level, traffic }: Route, { info, url }: SeatRequest): Work {
    if (isOneSeat(info)) return oneSeat
    const isRead = info.verb === 'list' || info.verb === 'watch'
    const watchers = isRead ? 0 : this.#watches.interestedIn(info)
    if (!isRead) traffic.watchers.observe(watchers)
    const stored = isRead ? this.#options.storedObjects(info) : undefined
    return estimateWork(info, url, { maxSeats: level.maxSeats, stored, watchers })
  }

  #seat({ level, traffic, headers }: Route, flight: Flight, { info, url }: SeatRequest): FlowSeat {
    const { clock } = this.#options
    if (!level.isExempt) traffic.waitedAndRan.observe((flight.startMs - flight.arrivalMs) / 1000)
    const isWatch = info.verb === 'watch'
    const kind = requestKind(info.verb)
    this.executing.add(kind)
    return {
      headers,
      finish: () => {
        if (flight.state !== 'executing') return
        this.executing.remove(kind)
        level.queues.finish(flight)
        const seconds = (clock.now() - flight.startMs) / 1000
        if (isWatch) traffic.began.observe(seconds)
        else traffic.ran.observe(seconds)
        if (level.quiescing) this.#reap(level)
      },
      ...(isWatch ? { ended: this.#watches.add(info, url) } : {}),
    }
  }

  async #wait(route: Route, flight: Flight, request: SeatRequest): Promise<FlowSeat> {
    const { arrivedMs, timeoutMs, lifetime } = request
    const { signal } = lifetime
    const kind = requestKind(request.info.verb)
    this.waiting.add(kind)
    const untilMs = arrivedMs + Math.min(timeoutMs * waitFraction, longestWaitMs)
    await new Promise<void>((resolve, reject) => {
      const leave = (error: unknown): void => {
        route.level.queues.cancel(flight, 'time-out')
        route.traffic.waitedAndRan.observe((this.#options.clock.now() - flight.arrivalMs) / 1000)
        settle()
        reject(error)
      }
      const aborted = (): void => leave(signal.reason)
      const waiter = { untilMs, giveUp: () => leave(this.#refusal(route)) }
      const settle = (): void => {
        this.#waiters.delete(waiter)
        this.waiting.remove(kind)
        signal.removeEventListener('abort', aborted)
      }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', aborted, { once: true })
      flight.onDispatch = () => {
        settle()
        resolve()
      }
    })
    return this.#seat(route, flight, request)
  }

  #refusal({ level, headers }: Route): OverloadedError {
    level.retryAfter.record(this.#options.clock.now())
    return new OverloadedError(level.retryAfter.seconds, headers)
  }

  /** Forgets a level that has no object and nothing to do any more. */
  #reap(level: Level): void {
    if (level.quiescing && level.queues.isIdle) this.configure(...this.#configuration)
  }

  #adjust(): void {
    const adjustment = adjustLimits([...this.#levels.values()].map((level) => level.takeDemand()))
    this.#fairFraction = adjustment.fairFraction
    for (const level of this.#levels.values()) {
      level.target = adjustment.targets.get(level.name) ?? 0
      level.configure(adjustment.limits.get(level.name) ?? level.current)
    }
  }
}

function routeTo(level: Level, schema: FlowSchema): Route {
  const method = schema.spec.distinguisherMethod?.type
  const distinguish = method === 'ByUser' ? 'user' : method === 'ByNamespace' ? 'namespace' : 'none'
  return {
    ...compileSchema(schema),
    level,
    traffic: level.trafficOf(schema.metadata.name),
    headers: {
      'x-kubernetes-pf-flowschema-uid': schema.metadata.uid,
      'x-kubernetes-pf-prioritylevel-uid': level.uid,
    },
    distinguish: level.queueConfig.queues > 1 ? distinguish : 'none',
  }
}

function distinguisherOf({ distinguish }: Route, { name }: UserInfo, { namespace }: RequestInfo): string {
  if (distinguish === 'none') return ''
  return distinguish === 'user' ? name : namespace
}

/** Validation sees to the rest; this is for objects from before it. */
function isUsable({ metadata, spec }: PriorityLevelConfiguration): boolean {
  const isExempt = spec.type === 'Exempt'
  return isExempt === (metadata.name === 'exempt') && isExempt === (spec.limited === undefined)
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((item, at) => item === b[at]))
}

const imaginedLevels: readonly LevelObject[] = Object.entries(mandatoryPriorityLevels).map(([name, spec]) => ({
  metadata: { name, uid: '' },
  spec,
}))

const imaginedSchemas: readonly FlowSchema[] = Object.entries(mandatoryFlowSchemas).map(([name, spec]) => ({
  apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
  kind: 'FlowSchema',
  metadata: { name, uid: '', resourceVersion: '', creationTimestamp: '' },
  spec,
  status: {},
}))
