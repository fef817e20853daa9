/**
 * `cache`: remembers replies of the plugins behind it. Those that hold until the cluster changes are passed on as they are: they
 * are kept ready elsewhere, and are never stale there.
 */

import { withDeadline } from '../../component-base/deadline.ts'
import { aborted } from '../../component-base/run.ts'
import type { Count } from '../../component-base/tallies.ts'
import { argumentError, type Directive } from '../corefile/parse.ts'
import { CorefileError } from '../corefile/tokens.ts'
import { matchZone, zonesOf, zonesOrBlock } from '../corefile/zones.ts'
import { durationOf, firstArgument, inPlugin, noArguments, onlyLine, wholeNumber } from './arguments.ts'
import { CacheStore, type Entry, kindOf, lowestTtl, remainingSeconds, withTtl } from './cache-store.ts'
import { type Context, type Handler, type Outcome, type Reply, type Request, type Setup, wishesOf } from './plugin.ts'

type Kind = { readonly capacity: number; readonly maxSeconds: number; readonly minSeconds: number }

type Options = {
  readonly zones: readonly string[]
  readonly success: Kind
  readonly denial: Kind
  readonly failureSeconds: number
  readonly prefetch: { readonly amount: number; readonly gapMs: number; readonly percentage: number } | undefined
  readonly stale: Stale | undefined
  readonly disabledSuccess: readonly string[]
  readonly disabledDenial: readonly string[]
  readonly isTtlKept: boolean
}

type Stale = {
  readonly limitMs: number
  readonly isVerified: boolean
  readonly verifyMs: number
  readonly replySeconds: number
  readonly recheckMs: number
}

/** CoreDNS' defaults. */
const standardCapacity = 9984
const smallestCapacity = 1024
const shards = 256
const maxFailureSeconds = 300

/** Reads the directive. */
export const cache: Setup = (lines, context) => {
  const options = inPlugin('cache', () => readOptions(onlyLine(lines), context.zones))
  const own = new Cache(options, context)
  return { wrap: (next) => own.handler(next), task: async (signal) => await own.run(signal) }
}

function readOptions(line: Directive, blockZones: readonly string[]): Options {
  const isNumber = /^[+-]?\d+$/.test(line.args[0] ?? '')
  const seconds = isNumber ? wholeNumber(line.args[0] ?? '') : undefined
  if (seconds !== undefined) positive(seconds)
  let options: Options = {
    zones: zonesOrBlock(isNumber ? line.args.slice(1) : line.args, blockZones),
    success: { capacity: standardCapacity, maxSeconds: seconds ?? 3600, minSeconds: 5 },
    denial: { capacity: standardCapacity, maxSeconds: seconds ?? 1800, minSeconds: 5 },
    failureSeconds: 5,
    prefetch: undefined,
    stale: undefined,
    disabledSuccess: [],
    disabledDenial: [],
    isTtlKept: false,
  }
  for (const item of line.block) {
    const read = properties[item.name]
    if (read === undefined) throw argumentError(item)
    options = { ...options, ...read(item, options) }
  }
  return options
}

type Property = (line: Directive, before: Options) => Partial<Options>

const properties: Readonly<Record<string, Property>> = {
  success: (line, { success }) => ({ success: kindFrom(line, success) }),
  denial: (line, { denial }) => ({ denial: kindFrom(line, denial) }),
  prefetch: (line) => {
    const [amount = '', gap, percentage] = line.args
    if (line.args.length === 0 || line.args.length > 3) throw argumentError(line)
    const number = wholeNumber(amount)
    if (number < 0) throw new CorefileError(`prefetch amount should be positive: ${number}`)
    return {
      prefetch: {
        amount: number,
        gapMs: gap === undefined ? 60_000 : durationOf(gap),
        percentage: percentage === undefined ? 10 : percentageOf(percentage),
      },
    }
  },
  serve_stale: (line) => ({ stale: staleOf(line) }),
  servfail: (line) => {
    const seconds = durationOf(firstArgument(line)) / 1000
    if (seconds < 0) throw new CorefileError(`invalid negative ttl for servfail: ${line.args[0]}`)
    if (seconds > maxFailureSeconds)
      throw new CorefileError('caching SERVFAIL responses over 5 minutes is not permitted')
    return { failureSeconds: seconds }
  },
  disable: (line, { zones, disabledSuccess, disabledDenial }) => {
    const [kind, ...names] = line.args
    const disabled = names.length === 0 ? zones : names.flatMap(zonesOf)
    if (kind === undefined) throw argumentError(line)
    if (kind === 'success') return { disabledSuccess: [...disabledSuccess, ...disabled] }
    if (kind === 'denial') return { disabledDenial: [...disabledDenial, ...disabled] }
    throw new CorefileError('cache type for disable must be "success" or "denial"')
  },
  keepttl: (line) => {
    noArguments(line)
    return { isTtlKept: true }
  },
}

function positive(seconds: number): number {
  if (seconds <= 0) throw new CorefileError(`cache TTL can not be zero or negative: ${seconds}`)
  return seconds
}

function kindFrom(line: Directive, before: Kind): Kind {
  const [capacity, max, min] = line.args
  if (capacity === undefined || line.args.length > 3) throw argumentError(line)
  const rounded = Math.floor(wholeNumber(capacity) / shards) * shards
  const minSeconds = min === undefined ? before.minSeconds : wholeNumber(min)
  if (minSeconds < 0) throw new CorefileError(`cache min TTL can not be negative: ${minSeconds}`)
  return {
    capacity: Math.max(smallestCapacity, rounded),
    maxSeconds: max === undefined ? before.maxSeconds : positive(wholeNumber(max)),
    minSeconds,
  }
}

function percentageOf(text: string): number {
  if (!text.endsWith('%'))
    throw new CorefileError(`last character of percentage should be \`%\`, but is: '${text.at(-1) ?? ''}'`)
  const number = wholeNumber(text.slice(0, -1))
  if (number < 10 || number > 90) throw new CorefileError(`percentage should fall in range [10, 90]: ${number}`)
  return number
}

function staleOf(line: Directive): Stale {
  const [limit = '1h', mode = 'immediate', ...rest] = line.args
  if (line.args.length > 5) throw argumentError(line)
  const limitMs = durationOf(limit)
  if (limitMs < 0) throw new CorefileError('invalid negative duration for serve_stale')
  const refresh = mode.toLowerCase()
  if (refresh !== 'immediate' && refresh !== 'verify')
    throw new CorefileError(`invalid value for serve_stale refresh mode: ${refresh}`)
  const isVerified = refresh === 'verify'
  const [verify, reply, recheck] = isVerified ? rest : [undefined, ...rest]
  return {
    limitMs,
    isVerified,
    verifyMs: verify === undefined ? 0 : durationOf(verify),
    replySeconds: reply === undefined ? 0 : Math.floor(durationOf(reply) / 1000),
    recheckMs: recheck === undefined ? 0 : durationOf(recheck),
  }
}

class Cache {
  readonly #options: Options
  readonly #context: Context
  readonly #success: CacheStore
  readonly #denial: CacheStore
  readonly #counts: Readonly<Record<'requests' | 'success' | 'denial' | 'misses' | 'prefetch' | 'stale', Count>>
  readonly #labels: { readonly server: string; readonly zones: string; readonly view: string }
  #signal: AbortSignal | undefined

  constructor(options: Options, context: Context) {
    this.#options = options
    this.#context = context
    const { metrics, server } = context
    const labels = { server, zones: options.zones.join(','), view: '' }
    this.#labels = labels
    const typed = (type: string) => ({ server, type, zones: labels.zones, view: '' })
    const evicted = (type: string) => {
      const count = metrics.count('coredns_cache_evictions_total', typed(type))
      return () => count.add()
    }
    this.#success = new CacheStore(options.success.capacity, evicted('success'))
    this.#denial = new CacheStore(options.denial.capacity, evicted('denial'))
    this.#counts = {
      requests: metrics.count('coredns_cache_requests_total', labels),
      success: metrics.count('coredns_cache_hits_total', typed('success')),
      denial: metrics.count('coredns_cache_hits_total', typed('denial')),
      misses: metrics.count('coredns_cache_misses_total', labels),
      prefetch: metrics.count('coredns_cache_prefetch_total', labels),
      stale: metrics.count('coredns_cache_served_stale_total', labels),
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    const forget = this.#context.metrics.gauge('coredns_cache_entries', () => [
      { labels: { ...this.#labels, type: 'success' }, value: this.#success.size },
      { labels: { ...this.#labels, type: 'denial' }, value: this.#denial.size },
    ])
    await aborted(signal)
    forget()
  }

  handler(next: Handler): Handler {
    return (request) => {
      if (matchZone(this.#options.zones, request.name) === undefined) return next(request)
      const key = keyOf(request)
      const nowMs = this.#context.clock.now()
      const found = this.#find(key)
      if (found === undefined) return this.#fetch(key, request, next)
      const left = remainingSeconds(found.entry, nowMs)
      if (left > 0) return this.#hit(key, found, left, request, next)
      const { stale } = this.#options
      const isUsable = stale !== undefined && found.kind === 'success' && -left * 1000 < stale.limitMs
      return isUsable ? this.#stale(key, found.entry, stale, request, next) : this.#fetch(key, request, next)
    }
  }

  #find(key: string): { readonly entry: Entry; readonly kind: 'success' | 'denial' } | undefined {
    const denial = this.#denial.get(key)
    // As CoreDNS: what was denied last counts, for as long as it holds.
    if (denial !== undefined && remainingSeconds(denial, this.#context.clock.now()) > 0)
      return { entry: denial, kind: 'denial' }
    const success = this.#success.get(key)
    return success === undefined ? undefined : { entry: success, kind: 'success' }
  }

  #hit(
    key: string,
    { entry, kind }: { readonly entry: Entry; readonly kind: 'success' | 'denial' },
    left: number,
    request: Request,
    next: Handler,
  ): Reply {
    this.#counts.requests.add()
    this.#counts[kind].add()
    this.#note(key, entry, left, request, next)
    return withTtl(entry.reply, this.#options.isTtlKept ? entry.ttlSeconds : left)
  }

  /** Popular entries are fetched anew shortly before they end. */
  #note(key: string, entry: Entry, left: number, request: Request, next: Handler): void {
    const { prefetch } = this.#options
    if (prefetch === undefined || prefetch.amount === 0) return
    const nowMs = this.#context.clock.now()
    entry.asked = nowMs - entry.askedMs > prefetch.gapMs ? 1 : entry.asked + 1
    entry.askedMs = nowMs
    const isEnding = left <= Math.max(1, Math.ceil((entry.ttlSeconds * prefetch.percentage) / 100))
    if (!isEnding || entry.asked < prefetch.amount || entry.isRefreshing) return
    this.#counts.prefetch.add()
    void this.#refresh(key, entry, request, next)
  }

  /** Fetches in the background, once at a time. A failure leaves the entry as it is. */
  #refresh(key: string, entry: Entry, request: Request, next: Handler): Promise<Outcome> {
    const { clock, logger } = this.#context
    entry.isRefreshing = true
    const signal = this.#signal ?? request.signal
    const asking = Promise.resolve(next({ ...request, signal }))
      .then((reply) => {
        const isGood = reply !== undefined && reply.rcode !== 2
        if (isGood) this.#remember(key, request, reply)
        else entry.retryMs = clock.now() + (this.#options.stale?.recheckMs ?? 0)
        return isGood ? reply : undefined
      })
      .catch((error: unknown) => {
        if (!signal.aborted) logger.error('Could not refresh a cached answer', { name: request.name, error })
        return undefined
      })
      .finally(() => {
        entry.isRefreshing = false
      })
    return asking
  }

  /** An entry that has ended: given out while, or after, a new one is sought. */
  #stale(key: string, entry: Entry, stale: Stale, request: Request, next: Handler): Outcome | Promise<Outcome> {
    const old = withTtl(entry.reply, stale.replySeconds)
    const isResting = entry.isRefreshing || this.#context.clock.now() < entry.retryMs
    this.#counts.requests.add()
    if (isResting || !stale.isVerified) {
      this.#counts.stale.add()
      this.#counts.success.add()
      if (!isResting) void this.#refresh(key, entry, request, next)
      return old
    }
    return this.#verify(this.#refresh(key, entry, request, next), stale.verifyMs, request.signal).then((fresh) => {
      if (fresh !== undefined) return fresh
      this.#counts.stale.add()
      return old
    })
  }

  async #verify(asking: Promise<Outcome>, limitMs: number, signal: AbortSignal): Promise<Outcome> {
    if (limitMs === 0) return await asking
    const limit = withDeadline(signal, limitMs, async (ended) => {
      await aborted(ended)
      return undefined
    })
    return await Promise.race([asking, limit])
  }

  #fetch(key: string, request: Request, next: Handler): Outcome | Promise<Outcome> {
    const outcome = next(request)
    if (!(outcome instanceof Promise)) return outcome === undefined ? undefined : this.#fresh(key, request, outcome)
    return outcome.then((reply) => (reply === undefined ? undefined : this.#fresh(key, request, reply)))
  }

  #fresh(key: string, request: Request, reply: Reply): Reply {
    if (reply.isSettled) return reply
    this.#counts.requests.add()
    this.#counts.misses.add()
    return this.#remember(key, request, reply)
  }

  #remember(key: string, { name }: Request, reply: Reply): Reply {
    const kind = kindOf(reply)
    if (reply.isSettled || reply.isFleeting || kind === undefined) return reply
    const { success, denial, failureSeconds, disabledSuccess, disabledDenial } = this.#options
    const disabled = kind === 'success' ? disabledSuccess : disabledDenial
    if (matchZone(disabled, name) !== undefined) return reply
    const seconds =
      kind === 'failure' ? failureSeconds : secondsWithin(lowestTtl(reply), kind === 'success' ? success : denial)
    if (seconds <= 0) return reply
    const nowMs = this.#context.clock.now()
    const kept = withTtl({ ...reply, isAuthoritative: reply.isAuthoritative }, seconds)
    const entry = {
      reply: kept,
      storedMs: nowMs,
      ttlSeconds: seconds,
      asked: 1,
      askedMs: nowMs,
      isRefreshing: false,
      retryMs: 0,
    }
    if (kind === 'success') {
      this.#success.set(key, entry)
      this.#denial.delete(key)
    } else this.#denial.set(key, entry)
    return kept
  }
}

/** How long a reply is kept. What names no time (a denial without SOA) is not kept at all. */
function secondsWithin(ttl: number | undefined, { minSeconds, maxSeconds }: Kind): number {
  return ttl === undefined ? 0 : Math.min(maxSeconds, Math.max(minSeconds, ttl))
}

/** Answers over TCP serve UDP, too, and what was cut for UDP is not kept: the transport makes no difference. */
function keyOf(request: Request): string {
  const { question, name } = request
  return `${wishesOf(request)} ${question.type} ${question.class} ${name}`
}
