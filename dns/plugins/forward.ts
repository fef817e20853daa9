/**
 * `forward`: asks other servers. One of several who ask the same at once does the asking.
 *
 *   policy ─▶ first server that is not down ─▶ answer
 *                    │ no answer: probe it, ask the next
 */
import { randomInt } from 'node:crypto'
import { aborted } from '../../component-base/run.ts'
import {
  decodeMessage,
  ednsRecord,
  encodeMessage,
  headerBits,
  rcodeName,
  rcodeNumber,
  rcodes,
} from '../codec/message.ts'
import { FormatError } from '../codec/name.ts'
import { types } from '../codec/record.ts'
import { argumentError, type Directive, unknownProperty } from '../corefile/parse.ts'
import { CorefileError, errorAt } from '../corefile/tokens.ts'
import { matchZone, zonesOf } from '../corefile/zones.ts'
import { type Keeping, standardKeeping } from '../forward/connections.ts'
import { parseResolvConf, parseServerAddress, type ServerAddress } from '../forward/resolv-conf.ts'
import { type Probe, type Target, Upstream } from '../forward/upstream.ts'
import { durationOf, fullName, inPlugin, noArguments, oneArgument, wholeNumber } from './arguments.ts'
import {
  type Context,
  failure,
  type Handler,
  type Outcome,
  type Plugin,
  type Reply,
  type Request,
  replyOf,
  type Setup,
  wishesOf,
} from './plugin.ts'

type Policy = 'random' | 'round_robin' | 'sequential'

type Options = Keeping & {
  readonly from: readonly string[]
  readonly targets: readonly Target[]
  readonly except: readonly string[]
  readonly maxFails: number
  readonly probe: Probe
  readonly isTcpForced: boolean
  readonly isUdpPreferred: boolean
  readonly policy: Policy
  /** 0: without limit. */
  readonly maxConcurrent: number
  /** Attempts for one question; 0: without limit, `undefined`: two for each server. */
  readonly maxAttempts: number | undefined
  readonly readTimeoutMs: number
  /** Ask the next server after such an answer. */
  readonly failover: ReadonlySet<number>
  /** Leave the question to the next `forward` after such an answer. */
  readonly next: ReadonlySet<number>
  readonly isNextOnNoData: boolean
  readonly isFailingFast: boolean
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined
  readonly serverName: string | undefined
}

/** CoreDNS' limits. */
const maxUpstreams = 15
const totalTimeoutMs = 5_000
const standardReadTimeoutMs = 2_000
/** Upstream answers of this size pass any network without fragments (DNS flag day 2020). */
const upstreamPayloadSize = 1232
/** Questions on the way at once, where `max_concurrent` says nothing: each holds a socket. */
const hardConcurrent = 10_000

/** Reads all `forward` lines of a block: each handles its zone, in their order. */
export const forward: Setup = (lines, context) => {
  const forwarders = lines.map(
    (line) =>
      new Forwarder(
        inPlugin('forward', () => readOptions(line, context)),
        context,
      ),
  )
  return {
    wrap: (next) => {
      let chain: Handler = next
      for (const [i, forwarder] of [...forwarders.entries()].toReversed()) {
        const following = chain
        const hasAnother = i < forwarders.length - 1
        chain = (request) => forwarder.handle(request, following, hasAnother)
      }
      return chain
    },
    task: async (signal) => {
      for (const forwarder of forwarders) forwarder.start(signal)
      await aborted(signal)
    },
  } satisfies Plugin
}

function readOptions(line: Directive, context: Context): Options {
  const [from, ...to] = line.args
  if (from === undefined || to.length === 0) throw argumentError(line)
  let options: Options = {
    from: zonesOf(from),
    targets: [],
    except: [],
    maxFails: 2,
    probe: { intervalMs: 500, domain: '.', isRecursive: true },
    isTcpForced: false,
    isUdpPreferred: false,
    policy: 'random',
    maxConcurrent: 0,
    maxAttempts: undefined,
    readTimeoutMs: standardReadTimeoutMs,
    failover: new Set(),
    next: new Set(),
    isNextOnNoData: false,
    isFailingFast: false,
    tls: undefined,
    serverName: undefined,
    ...standardKeeping,
  }
  for (const item of line.block) {
    const read = properties[item.name]
    if (read === undefined) throw unknownProperty(item)
    options = { ...options, ...read(item, context) }
  }
  const addresses = to.flatMap((text) => serversOf(text, context))
  // A file without servers is the machine's affair, not the Corefile's: the cluster's own names must still be answered.
  if (addresses.length === 0) context.logger.error('No name servers to forward to', { zone: from, to })
  if (addresses.length > maxUpstreams)
    throw new CorefileError(`more than ${maxUpstreams} TOs configured: ${addresses.length}`)
  const { tls, serverName } = options
  const targets = addresses.map(({ scheme, address, port }) => ({
    address,
    port,
    isTls: scheme === 'tls',
    ...(serverName === undefined ? {} : { serverName }),
    ...(tls === undefined ? {} : { tls }),
  }))
  return { ...options, targets }
}

/** The servers that a word names: an address, or a file with `nameserver` lines. Our own addresses in such a file would lead in circles. */
function serversOf(text: string, { readText, ownAddresses, serviceAddresses }: Context): readonly ServerAddress[] {
  const server = parseServerAddress(text)
  if (server !== undefined) {
    if (server.scheme !== 'dns' && server.scheme !== 'tls')
      throw new CorefileError(`'${server.scheme}' is not supported as a destination protocol in forward: ${text}`)
    return [server]
  }
  let content: string
  try {
    content = readText(text)
  } catch (error) {
    const cause = `failed to open file "${text}": "${error instanceof Error ? error.message : String(error)}"`
    throw new CorefileError(`not an IP address or file "${text}": ${cause}`)
  }
  const own = new Set([...ownAddresses, ...serviceAddresses])
  return parseResolvConf(content)
    .filter((address) => !own.has(address))
    .map((address) => ({ scheme: 'dns', address, port: 53 }))
}

type Property = (line: Directive, context: Context) => Partial<Options>

const properties: Readonly<Record<string, Property>> = {
  except: (line) => {
    if (line.args.length === 0) throw argumentError(line)
    return { except: line.args.flatMap(zonesOf) }
  },
  max_fails: (line) => ({ maxFails: count(line, 'max_fails') }),
  max_connect_attempts: (line) => ({ maxAttempts: count(line, 'max_connect_attempts') }),
  health_check: (line) => ({ probe: probeOf(line) }),
  force_tcp: (line) => {
    noArguments(line)
    return { isTcpForced: true }
  },
  prefer_udp: (line) => {
    noArguments(line)
    return { isUdpPreferred: true }
  },
  tls: (line, { readText }) => {
    if (line.args.length > 3) throw argumentError(line)
    const texts = line.args.map((path) => readText(path))
    const [first, second, third] = texts
    if (texts.length === 0) return { tls: {} }
    if (first !== undefined && second === undefined) return { tls: { ca: first } }
    const pair = { ...(first === undefined ? {} : { cert: first }), ...(second === undefined ? {} : { key: second }) }
    return { tls: { ...pair, ...(third === undefined ? {} : { ca: third }) } }
  },
  tls_servername: (line) => ({ serverName: oneArgument(line) }),
  policy: (line) => ({ policy: policyOf(line) }),
  max_concurrent: (line) => ({ maxConcurrent: count(line, 'max_concurrent') }),
  read_timeout: (line) => {
    const ms = durationOf(oneArgument(line))
    if (ms <= 0) throw new CorefileError(`read_timeout must be positive: ${line.args[0]}`)
    return { readTimeoutMs: ms }
  },
  failover: (line) => ({ failover: rcodesOf(line) }),
  next: (line) => ({ next: rcodesOf(line) }),
  next_on_nodata: (line) => {
    noArguments(line)
    return { isNextOnNoData: true }
  },
  failfast_all_unhealthy_upstreams: (line) => {
    noArguments(line)
    return { isFailingFast: true }
  },
  expire: (line) => ({ expireMs: wait(line, 'expire') }),
  max_age: (line) => ({ maxAgeMs: wait(line, 'max_age') }),
  max_idle_conns: (line) => ({ maxIdle: count(line, 'max_idle_conns') }),
}

function count(line: Directive, what: string): number {
  const number = wholeNumber(oneArgument(line))
  if (number < 0) throw new CorefileError(`${what} can't be negative: ${number}`)
  return number
}

function wait(line: Directive, what: string): number {
  const text = oneArgument(line)
  const ms = durationOf(text)
  if (ms < 0) throw new CorefileError(`${what} can't be negative: ${text}`)
  return ms
}

function policyOf(line: Directive): Policy {
  const text = oneArgument(line)
  if (text === 'random' || text === 'round_robin' || text === 'sequential') return text
  throw errorAt(line.at, `unknown policy '${text}'`)
}

function rcodesOf(line: Directive): ReadonlySet<number> {
  if (line.args.length === 0) throw argumentError(line)
  return new Set(
    line.args.map((name) => {
      const rcode = rcodeNumber(name)
      if (rcode === undefined) throw new CorefileError(`${name} is not a valid rcode`)
      return rcode
    }),
  )
}

function probeOf(line: Directive): Probe {
  const [interval, ...options] = line.args
  if (interval === undefined) throw argumentError(line)
  const intervalMs = durationOf(interval)
  if (intervalMs < 0) throw new CorefileError(`health_check can't be negative: ${intervalMs}`)
  let probe: Probe = { intervalMs, domain: '.', isRecursive: true }
  for (let i = 0; i < options.length; i += 1) {
    const option = options[i]
    if (option === 'no_rec') probe = { ...probe, isRecursive: false }
    else if (option === 'domain') {
      i += 1
      const domain = options[i]
      if (domain === undefined) throw argumentError(line)
      probe = { ...probe, domain: fullName(domain) }
    } else throw new CorefileError(`health_check: unknown option ${option}`)
  }
  return probe
}

class Forwarder {
  readonly #options: Options
  readonly #context: Context
  readonly #upstreams: readonly Upstream[]
  readonly #pending = new Map<string, Promise<Outcome>>()
  #running = 0
  #turn = 0
  #signal: AbortSignal | undefined

  constructor(options: Options, context: Context) {
    this.#options = options
    this.#context = context
    const { clock, metrics } = context
    this.#upstreams = options.targets.map((target) => {
      const upstream: Upstream = new Upstream(target, {
        probe: options.probe,
        keeping: options,
        maxFails: options.maxFails,
        clock,
        onProbeFailure: () =>
          metrics.count('coredns_proxy_healthcheck_failures_total', { proxy_name: 'forward', to: upstream.name }).add(),
        onTake: (isKept) =>
          metrics
            .count(`coredns_proxy_conn_cache_${isKept ? 'hits' : 'misses'}_total`, {
              ...{ proxy_name: 'forward', to: upstream.name, proto: target.isTls ? 'tcp-tls' : 'tcp' },
            })
            .add(),
      })
      return upstream
    })
  }

  /** Probes and kept connections end with this signal. */
  start(signal: AbortSignal): void {
    this.#signal = signal
    const close = (): void => {
      for (const upstream of this.#upstreams) upstream.close()
    }
    signal.addEventListener('abort', close, { once: true })
  }

  handle(request: Request, next: Handler, hasAnother: boolean): Outcome | Promise<Outcome> {
    const { from, except } = this.#options
    const isOurs = matchZone(from, request.name) !== undefined && matchZone(except, request.name) === undefined
    if (!isOurs) return next(request)
    return mapReplyAsync(this.#share(request), (reply) => {
      const isNext = this.#options.next.has(reply.rcode) || (this.#options.isNextOnNoData && isNoData(reply))
      return isNext && hasAnother ? next(request) : reply
    })
  }

  /** Those who ask the same while it is on its way get the same answer. */
  async #share(request: Request): Promise<Outcome> {
    const { question, transport, flags } = request
    const recursion = flags & headerBits.recursionDesired
    const key = `${transport} ${recursion} ${wishesOf(request)} ${request.edns === undefined} ${question.type} ${question.class} ${request.name}`
    const known = this.#pending.get(key)
    if (known !== undefined) return await known
    const limit = this.#options.maxConcurrent === 0 ? hardConcurrent : this.#options.maxConcurrent
    if (this.#running >= limit) {
      this.#context.metrics.count('coredns_forward_max_concurrent_rejects_total', {}).add()
      return failure(rcodes.refused, `concurrent queries exceeded maximum ${limit}`)
    }
    this.#running += 1
    const asking = this.#ask(request).finally(() => {
      this.#running -= 1
      this.#pending.delete(key)
    })
    this.#pending.set(key, asking)
    return await asking
  }

  async #ask(request: Request): Promise<Outcome> {
    const { isTcpForced, isUdpPreferred, maxAttempts, failover, readTimeoutMs } = this.#options
    const { clock } = this.#context
    // Questions on their way outlive their configuration; probes do not.
    const { signal } = request
    const query = outgoing(request)
    const endMs = clock.now() + totalTimeoutMs
    const attempts = maxAttempts ?? 2 * this.#upstreams.length
    const order = this.#order()
    let reason = 'no healthy proxies'
    let failovers = 0
    for (let turn = 0; (attempts === 0 || turn < attempts) && clock.now() < endMs; turn += 1) {
      const upstream = this.#healthy(order, turn)
      if (upstream === undefined) break
      try {
        const isTcp = isTcpForced || (request.transport === 'tcp' && !isUdpPreferred)
        const limitMs = Math.min(readTimeoutMs, endMs - clock.now())
        let reply = await this.#exchange(upstream, query, isTcp, limitMs, signal)
        if (reply.isTruncated && isUdpPreferred && !isTcp)
          reply = await this.#exchange(upstream, query, true, readTimeoutMs, signal)
        if (failover.has(reply.rcode)) {
          failovers += 1
          if (failovers < this.#upstreams.length) continue
        }
        return reply
      } catch (error) {
        signal.throwIfAborted()
        // What cannot be read is no answer, but no reason to doubt the server's health either.
        if (error instanceof FormatError || error instanceof RangeError)
          return failure(rcodes.formatError, error.message)
        reason = error instanceof Error ? error.message : String(error)
        this.#probe(upstream)
      }
    }
    return failure(rcodes.serverFailure, reason)
  }

  /** The servers of this question, the preferred one in front. */
  #order(): readonly Upstream[] {
    const all = this.#upstreams
    const { policy } = this.#options
    if (policy === 'sequential' || all.length < 2) return all
    if (policy === 'round_robin') this.#turn = (this.#turn + 1) % all.length
    const first = policy === 'round_robin' ? this.#turn : randomInt(all.length)
    return [...all.slice(first), ...all.slice(0, first)]
  }

  /** The server of this attempt. Where all are down the probing itself may be broken: one at random gets a chance. */
  #healthy(order: readonly Upstream[], turn: number): Upstream | undefined {
    for (let i = 0; i < order.length; i += 1) {
      const upstream = order[(turn + i) % order.length]
      if (upstream?.isDown() === false) return upstream
    }
    this.#context.metrics.count('coredns_forward_healthcheck_broken_total', {}).add()
    const isHopeless = this.#options.isFailingFast || order.length === 0
    return isHopeless ? undefined : order[randomInt(order.length)]
  }

  #probe(upstream: Upstream): void {
    const signal = this.#signal
    if (signal === undefined || signal.aborted) return
    upstream.probe(signal).catch((error: unknown) => {
      this.#context.logger.error('Could not probe a name server', { server: upstream.name, error })
    })
  }

  async #exchange(
    upstream: Upstream,
    query: Buffer,
    isTcp: boolean,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<Reply> {
    const { clock, metrics } = this.#context
    const startMs = clock.now()
    metrics.count('coredns_forward_requests_total', { to: upstream.name }).add()
    const bytes = await upstream.ask(query, isTcp, timeoutMs, signal)
    const reply = replyFrom(bytes)
    const rcode = rcodeName(reply.rcode)
    const seconds = (clock.now() - startMs) / 1000
    metrics.count('coredns_forward_responses_total', { to: upstream.name, rcode }).add()
    metrics.buckets('coredns_forward_request_duration_seconds', { to: upstream.name, rcode }).observe(seconds)
    metrics
      .buckets('coredns_proxy_request_duration_seconds', { proxy_name: 'forward', to: upstream.name, rcode })
      .observe(seconds)
    return reply
  }
}

function mapReplyAsync(
  asking: Promise<Outcome>,
  change: (reply: Reply) => Outcome | Promise<Outcome>,
): Promise<Outcome> {
  return asking.then((reply) => (reply === undefined ? undefined : change(reply)))
}

function isNoData({ rcode, answers }: Reply): boolean {
  return rcode === rcodes.noError && answers.length === 0
}

/** The query for another server: the client's question and wishes, without its cookies and other options, so that clients can share answers. */
function outgoing({ flags, question, edns }: Request): Buffer {
  const kept = flags & (headerBits.recursionDesired | headerBits.authenticData | headerBits.checkingDisabled)
  const additionals = edns === undefined ? [] : [ednsRecord(upstreamPayloadSize, edns.isDnssecWanted)]
  return encodeMessage({ id: 0, flags: kept, questions: [question], answers: [], authorities: [], additionals })
}

/** Another server's answer. Throws `FormatError`. */
function replyFrom(bytes: Buffer): Reply {
  const { flags, answers, authorities, additionals } = decodeMessage(bytes)
  return replyOf({
    rcode: flags & 15,
    answers,
    authorities,
    additionals: additionals.filter(({ data }) => data.type !== 'raw' || data.number !== types.OPT),
    isAuthoritative: (flags & headerBits.authoritative) !== 0,
    isRecursionAvailable: (flags & headerBits.recursionAvailable) !== 0,
    isAuthenticated: (flags & headerBits.authenticData) !== 0,
    isTruncated: (flags & headerBits.truncated) !== 0,
    isShuffled: false,
    by: 'forward',
  })
}
