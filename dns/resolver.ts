/**
 * From a query's bytes to an answer's bytes.
 *
 *   asked before, and the same for everybody ─▶ bytes kept ready (until the cluster or the configuration changes)
 *   everything else ─▶ the chain of plugins of the zone
 */

import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logger.ts'
import {
  decodeMessage,
  type Edns,
  type EdnsOption,
  ednsOptions,
  ednsRecord,
  encodeMessage,
  encodeWithin,
  headerBits,
  type Message,
  rcodeName,
  rcodes,
  readEdns,
} from './codec/message.ts'
import { FormatError, lowerName } from './codec/name.ts'
import { type ResourceRecord, typeName } from './codec/record.ts'
import { type Listener, zoneFor } from './configuration.ts'
import { type DnsMetrics, typeLabel } from './metrics.ts'
import { failure, type Outcome, type Peer, type Reply, type Request, type Transport } from './plugins/plugin.ts'
import {
  announced,
  ednsBytes,
  keyOf,
  largestPayload,
  personalize,
  plainEdnsSize,
  plainLimit,
  usualEnd,
} from './udp/ready-answer.ts'

/** What the resolver needs. */
export type ResolverOptions = { readonly metrics: DnsMetrics; readonly clock: Clock; readonly logger: Logger }

const tcpLimit = 65_535

/** Answers kept encoded. */
const maxKept = 20_000
/** Different orders in which a set of addresses is handed out, so that clients spread. */
const maxRotations = 8
/** One of so many answers kept ready is timed. */
const timedEvery = 64

/** An answer kept ready, in the orders that were asked for so far. */
export type Kept = {
  readonly message: Message
  readonly isShuffled: boolean
  readonly orders: Buffer[]
  next: number
  /** What figures say of it. */
  readonly zone: string
  readonly type: string
  readonly rcode: string
  readonly plugin: string
}

/** Answers queries for one pair of sockets. */
export class Resolver {
  readonly #options: ResolverOptions
  #listener: Listener
  readonly #kept = new Map<string, Kept>()
  readonly #forgetListeners = new Set<(generation: number) => void>()
  #hits = 0
  /** Grows with every change after which kept answers are wrong. */
  generation = 0

  constructor(listener: Listener, options: ResolverOptions) {
    this.#listener = listener
    this.#options = options
  }

  /** Forgets what is kept ready. */
  forget(): void {
    this.generation += 1
    if (this.#kept.size > 0) this.#kept.clear()
    for (const listener of this.#forgetListeners) listener(this.generation)
  }

  /** Tells the generation now and whenever it changes; the function returned ends that. */
  onForget(listener: (generation: number) => void): () => void {
    this.#forgetListeners.add(listener)
    listener(this.generation)
    return () => this.#forgetListeners.delete(listener)
  }

  /** Called before figures are read; the function returned ends that. */
  onRead(listener: () => void): () => void {
    return this.#options.metrics.onRead(listener)
  }

  /** Counts answers that others gave out. */
  counted(
    { zone, type, rcode, plugin }: Pick<Kept, 'zone' | 'type' | 'rcode' | 'plugin'>,
    proto: Transport,
    family: '1' | '2',
    times: number,
  ): void {
    const place = { server: this.#listener.server, zone }
    this.#options.metrics.answered({ place, proto, family, type, rcode, plugin }, times)
  }

  /** Serves another configuration from now on. */
  serve(listener: Listener): void {
    this.#listener = listener
    this.forget()
  }

  /** The answer; `undefined` for bytes that deserve none. A promise only when others must be asked. */
  answer(
    query: Buffer,
    transport: Transport,
    client: Peer,
    signal: AbortSignal,
  ): Buffer | undefined | Promise<Buffer | undefined> {
    return this.#answerKept(query, transport, client) ?? this.#answerDecoded(query, transport, client, signal)
  }

  /** The answer kept ready for a query, if there is one; other threads may give it out, too. */
  kept(query: Buffer): { readonly key: string; readonly kept: Kept } | undefined {
    const end = usualEnd(query)
    if (end === undefined) return undefined
    const key = keyOf(query, end)
    const kept = this.#kept.get(key)
    return kept === undefined ? undefined : { key, kept }
  }

  #answerKept(query: Buffer, transport: Transport, client: Peer): Buffer | undefined {
    const end = usualEnd(query)
    if (end === undefined) return undefined
    const payloadSize = plainEdnsSize(query, end)
    if (payloadSize === undefined) return undefined
    const kept = this.#kept.get(keyOf(query, end))
    if (kept === undefined) return undefined
    const bytes = nextOrder(kept)
    const extra = payloadSize === 0 ? 0 : ednsBytes
    const limit = transport === 'tcp' ? tcpLimit : Math.max(plainLimit, Math.min(payloadSize, largestPayload))
    if (bytes.length + extra > limit) return undefined
    const startMs = this.#hits % timedEvery === 0 ? performance.now() : 0
    this.#hits += 1
    const answer = Buffer.allocUnsafe(bytes.length + extra)
    bytes.copy(answer)
    personalize(answer, query, end, bytes.length, extra)
    this.counted(kept, transport, familyOf(client.address), 1)
    if (startMs !== 0) this.#timed({ zone: kept.zone, size: answer.length, asked: payloadSize }, transport, startMs)
    return answer
  }

  #timed(
    { zone, size, asked }: { readonly zone: string; readonly size: number; readonly asked: number },
    proto: Transport,
    startMs: number,
  ): void {
    const { metrics } = this.#options
    const labels = { server: this.#listener.server, zone, view: '' }
    metrics.buckets('coredns_dns_request_duration_seconds', labels).observe((performance.now() - startMs) / 1000)
    metrics.buckets('coredns_dns_response_size_bytes', { ...labels, proto }).observe(size)
    metrics
      .buckets('coredns_dns_request_size_bytes', { ...labels, proto })
      .observe(proto === 'tcp' ? tcpLimit : Math.max(plainLimit, asked))
  }

  #answerDecoded(
    query: Buffer,
    transport: Transport,
    client: Peer,
    signal: AbortSignal,
  ): Buffer | undefined | Promise<Buffer | undefined> {
    if (query.length < 12 || (query.readUInt16BE(2) & headerBits.response) !== 0) return undefined
    if (((query.readUInt16BE(2) >> 11) & 15) !== 0) return errorAnswer(query, rcodes.notImplemented)
    if (!isAcceptable(query)) return errorAnswer(query, rcodes.formatError)
    let message: Message
    try {
      message = decodeMessage(query)
    } catch (error) {
      if (!(error instanceof FormatError) && !(error instanceof RangeError)) throw error
      return errorAnswer(query, rcodes.formatError)
    }
    const [question] = message.questions
    if (question === undefined) return errorAnswer(query, rcodes.formatError)
    const edns = readEdns(message.additionals)
    const request: Request = {
      id: message.id,
      flags: message.flags,
      question,
      name: lowerName(question.name),
      edns,
      transport,
      client,
      size: query.length,
      depth: 0,
      signal,
    }
    if (edns !== undefined && edns.version !== 0) return badVersion(request, edns)
    return this.#ask(request, query)
  }

  #ask(request: Request, query: Buffer): Buffer | undefined | Promise<Buffer | undefined> {
    const startMs = performance.now()
    const { generation } = this
    const zone = zoneFor(this.#listener, request.name)
    const isClass = request.question.class === 1 || zone?.hasChaos === true
    const outcome = zone === undefined || !isClass ? failure(rcodes.refused) : this.#run(zone.handler, request)
    const finish = (reply: Outcome): Buffer | undefined => {
      if (reply === undefined) return undefined
      if (reply.isSettled && generation === this.generation) this.#keep(request, query, reply, zone?.name ?? '')
      const bytes = respond(request, reply)
      this.#observe(request, reply, zone?.name ?? '', bytes.length, startMs)
      return bytes
    }
    return outcome instanceof Promise ? outcome.then(finish) : finish(outcome)
  }

  #run(handler: (request: Request) => Outcome | Promise<Outcome>, request: Request): Outcome | Promise<Outcome> {
    const failed = (error: unknown): Reply => {
      if (!request.signal.aborted) {
        this.#options.logger.error('Could not answer a query', { name: request.name, error })
        this.#options.metrics.count('coredns_panics_total', {}).add()
      }
      return failure(rcodes.serverFailure)
    }
    try {
      const outcome = handler(request)
      return outcome instanceof Promise ? outcome.catch(failed) : outcome
    } catch (error) {
      return failed(error)
    }
  }

  #observe(request: Request, reply: Reply, zone: string, size: number, startMs: number): void {
    const { metrics } = this.#options
    const place = { server: this.#listener.server, zone: zone === '' ? 'dropped' : zone }
    metrics.answered({
      place,
      proto: request.transport,
      family: familyOf(request.client.address),
      type: typeLabel(typeName(request.question.type)),
      rcode: rcodeName(reply.rcode),
      plugin: reply.by ?? '',
    })
    if (request.edns?.isDnssecWanted === true)
      metrics.count('coredns_dns_do_requests_total', { ...place, view: '' }).add()
    this.#timed({ zone: place.zone, size, asked: request.edns?.payloadSize ?? 0 }, request.transport, startMs)
  }

  #keep(request: Request, query: Buffer, reply: Reply, zone: string): void {
    if (this.#kept.size >= maxKept) this.#kept.clear()
    // Flags of one client must not reach another; kept answers serve the usual kind of question only.
    const end = usualEnd(query)
    if (end === undefined || reply.extendedError !== undefined || reply.payloadLimit !== undefined) return
    this.#kept.set(keyOf(query, end), {
      message: compose({ ...request, edns: undefined }, reply),
      isShuffled: reply.isShuffled,
      orders: [],
      next: 0,
      zone,
      type: typeLabel(typeName(request.question.type)),
      rcode: rcodeName(reply.rcode),
      plugin: reply.by ?? '',
    })
  }
}

function familyOf(address: string): '1' | '2' {
  return address.includes(':') && !address.startsWith('::ffff:') ? '2' : '1'
}

function compose({ id, flags: asked, question, edns }: Request, reply: Reply): Message {
  const flags =
    headerBits.response |
    (asked & (headerBits.recursionDesired | headerBits.checkingDisabled)) |
    (reply.isAuthoritative ? headerBits.authoritative : 0) |
    (reply.isRecursionAvailable ? headerBits.recursionAvailable : 0) |
    (reply.isAuthenticated ? headerBits.authenticData : 0) |
    (reply.isTruncated ? headerBits.truncated : 0) |
    reply.rcode
  return {
    id,
    flags,
    questions: [question],
    answers: reply.answers,
    authorities: reply.authorities,
    additionals: [...reply.additionals, ...(edns === undefined ? [] : [ednsOf(edns, reply)])],
  }
}

function ednsOf({ payloadSize, isDnssecWanted }: Edns, { extendedError, serverId }: Reply): ResourceRecord {
  const options: EdnsOption[] = []
  if (serverId !== undefined) options.push({ code: ednsOptions.serverId, bytes: Buffer.from(serverId) })
  if (extendedError !== undefined) {
    const code = Buffer.alloc(2)
    code.writeUInt16BE(extendedError.code)
    const bytes = Buffer.concat([code, Buffer.from(extendedError.text)])
    options.push({ code: ednsOptions.extendedError, bytes })
  }
  return ednsRecord(announced(payloadSize), isDnssecWanted, 0, options)
}

function respond(request: Request, reply: Reply): Buffer {
  // The question goes back as it came, whatever plugins made of it on the way.
  const message = compose(request, reply)
  const steps = reply.isShuffled ? Math.floor(Math.random() * maxRotations) : 0
  return encodeWithin({ ...message, answers: rotate(message.answers, steps) }, limitOf(request, reply))
}

function limitOf({ transport, edns }: Request, { payloadLimit = largestPayload }: Reply): number {
  if (transport === 'tcp') return tcpLimit
  return edns === undefined
    ? plainLimit
    : Math.max(plainLimit, Math.min(edns.payloadSize, payloadLimit, largestPayload))
}

/** As CoreDNS' server: one question, and no more records than any client has reason to send. */
function isAcceptable(query: Buffer): boolean {
  const [questions, answers, authorities, additionals] = [4, 6, 8, 10].map((at) => query.readUInt16BE(at))
  return questions === 1 && (answers ?? 0) <= 1 && (authorities ?? 0) <= 1 && (additionals ?? 0) <= 2
}

/** The bytes in the next of the orders. */
export function nextOrder(kept: Kept): Buffer {
  const { message, orders, isShuffled } = kept
  const count = isShuffled ? Math.max(1, Math.min(addressCount(message.answers), maxRotations)) : 1
  kept.next = (kept.next + 1) % count
  const known = orders[kept.next]
  if (known !== undefined) return known
  const bytes = encodeWithin({ ...message, answers: rotate(message.answers, kept.next) }, tcpLimit)
  orders[kept.next] = bytes
  return bytes
}

/** All orders of a kept answer. */
export function allOrders({ message, isShuffled }: Kept): readonly Buffer[] {
  const count = isShuffled ? Math.max(1, Math.min(addressCount(message.answers), maxRotations)) : 1
  return Array.from({ length: count }, (_, i) =>
    encodeWithin({ ...message, answers: rotate(message.answers, i) }, tcpLimit),
  )
}

function addressCount(answers: readonly ResourceRecord[]): number {
  return answers.filter(({ data }) => data.type === 'A' || data.type === 'AAAA').length
}

/** Turns the addresses of an answer by `steps`; aliases stay in front. */
function rotate(answers: readonly ResourceRecord[], steps: number): readonly ResourceRecord[] {
  const isAddress = ({ data }: ResourceRecord): boolean => data.type === 'A' || data.type === 'AAAA'
  const addresses = answers.filter(isAddress)
  if (addresses.length < 2 || steps === 0) return answers
  const by = steps % addresses.length
  return [...answers.filter((item) => !isAddress(item)), ...addresses.slice(by), ...addresses.slice(0, by)]
}

/** An answer that is a header alone. */
function errorAnswer(query: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(12)
  query.copy(answer, 0, 0, 2)
  const asked = query.readUInt16BE(2)
  answer.writeUInt16BE(headerBits.response | (asked & 0x7900) | rcode, 2)
  return answer
}

function badVersion({ id, question, flags: asked }: Request, { isDnssecWanted, payloadSize }: Edns): Buffer {
  const flags = headerBits.response | (asked & headerBits.recursionDesired)
  // BADVERS is 16: its high part stands in the OPT record (RFC 6891, 6.1.3).
  const additionals = [ednsRecord(announced(payloadSize), isDnssecWanted, 1)]
  return encodeMessage({ id, flags, questions: [question], answers: [], authorities: [], additionals })
}
