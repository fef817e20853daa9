/**
 * From a query's bytes to an answer's bytes.
 *
 *   in the cluster's zone ─▶ zone/ (encoded once, kept until something changes)
 *   address of the cluster ─▶ PTR
 *   everything else ─▶ forward/
 */
import type { Cluster } from './cluster/informers.ts'
import {
  decodeMessage,
  type Edns,
  ednsRecord,
  encodeMessage,
  encodeWithin,
  headerBits,
  type Message,
  type Question,
  rcodes,
  readEdns,
} from './codec/message.ts'
import { FormatError, isWithin, lowerName } from './codec/name.ts'
import { type ResourceRecord, types } from './codec/record.ts'
import { endOfQuestion } from './forward/exchange.ts'
import { ForwardError, type Forwarder } from './forward/forwarder.ts'
import { reverseAddress, reverseRecords } from './zone/reverse.ts'
import { answerZone, soaRecord, type ZoneConfig } from './zone/zone.ts'

/** What the resolver needs. */
export type ResolverOptions = {
  readonly zone: ZoneConfig
  readonly cluster: Pick<Cluster, 'view' | 'isSynced' | 'onChange'>
  readonly forwarder: Pick<Forwarder, 'ask'>
}

/** How a query came in. */
export type Transport = 'udp' | 'tcp'

/** Largest answer over UDP without EDNS (RFC 1035), the one that we announce, and the one over TCP. */
const plainLimit = 512
const ourPayloadSize = 4096
const tcpLimit = 65_535
/** Upstream answers of this size pass any network without fragments (DNS flag day 2020). */
const upstreamPayloadSize = 1232

/** Answers of the zone kept encoded. */
const maxEncoded = 20_000
/** Different orders in which a set of addresses is handed out, so that clients spread. */
const maxRotations = 8

type Encoded = { readonly message: Message; readonly orders: Buffer[]; next: number }

/** Answers queries. */
export class Resolver {
  readonly #options: ResolverOptions
  readonly #encoded = new Map<string, Encoded>()

  constructor(options: ResolverOptions) {
    this.#options = options
    options.cluster.onChange(() => this.#encoded.clear())
  }

  /** The answer; `undefined` for bytes that deserve none. A promise only when others must be asked. */
  answer(query: Buffer, transport: Transport, signal: AbortSignal): Buffer | undefined | Promise<Buffer> {
    return this.#answerKnown(query, transport) ?? this.#answerDecoded(query, transport, signal)
  }

  /** The common case: a question that was answered before, with or without a plain EDNS record behind it. */
  #answerKnown(query: Buffer, transport: Transport): Buffer | undefined {
    if (!isUsual(query)) return undefined
    const end = endOfQuestion(query)
    const payloadSize = plainEdnsSize(query, end)
    if (payloadSize === undefined) return undefined
    const encoded = this.#encoded.get(keyOf(query, end))
    if (encoded === undefined) return undefined
    const bytes = nextOrder(encoded)
    const extra = payloadSize === 0 ? 0 : ednsBytes
    const limit = transport === 'tcp' ? tcpLimit : Math.max(plainLimit, Math.min(payloadSize, ourPayloadSize))
    if (bytes.length + extra > limit) return undefined
    const answer = Buffer.allocUnsafe(bytes.length + extra)
    bytes.copy(answer)
    query.copy(answer, 0, 0, 2)
    query.copy(answer, 12, 12, end)
    // The recursion-desired bit is the client's.
    answer[2] = ((answer[2] ?? 0) & 0xfe) | ((query[2] ?? 0) & 1)
    if (extra > 0) {
      query.copy(answer, bytes.length, end, end + ednsBytes)
      answer.writeUInt16BE(ourPayloadSize, bytes.length + 3)
      answer.writeUInt16BE(answer.readUInt16BE(10) + 1, 10)
    }
    return answer
  }

  #answerDecoded(query: Buffer, transport: Transport, signal: AbortSignal): Buffer | undefined | Promise<Buffer> {
    if (query.length < 12 || (query.readUInt16BE(2) & headerBits.response) !== 0) return undefined
    if (((query.readUInt16BE(2) >> 11) & 15) !== 0) return errorAnswer(query, rcodes.notImplemented)
    let message: Message
    try {
      message = decodeMessage(query)
    } catch (error) {
      if (!(error instanceof FormatError) && !(error instanceof RangeError)) throw error
      return errorAnswer(query, rcodes.formatError)
    }
    const [question, second] = message.questions
    if (question === undefined || second !== undefined) return errorAnswer(query, rcodes.formatError)
    const edns = readEdns(message.additionals)
    if (edns !== undefined && edns.version !== 0) return badVersion(message, edns)
    if (question.class !== 1) return errorAnswer(query, rcodes.refused)
    return this.#route({ query, message, question, edns, transport }, signal)
  }

  #route(asked: Asked, signal: AbortSignal): Buffer | Promise<Buffer> {
    const { zone, cluster } = this.#options
    const name = lowerName(asked.question.name)
    const address = reverseAddress(name)
    const isOurs = isWithin(name, zone.domain)
    if (!isOurs && address === undefined) return this.#forward(asked, signal)
    if (!cluster.isSynced()) return respond(asked, { rcode: rcodes.serverFailure })
    if (isOurs) return this.#answerZone(asked, name, signal)
    const names = address === undefined ? [] : reverseRecords(zone, cluster.view, asked.question.name, address)
    if (names.length === 0) return this.#forward(asked, signal)
    if (asked.question.type === types.PTR) return respond(asked, { answers: names, isAuthoritative: true })
    return respond(asked, { authorities: [soaRecord(zone)], isAuthoritative: true })
  }

  #answerZone(asked: Asked, name: string, signal: AbortSignal): Buffer | Promise<Buffer> {
    const { zone, cluster } = this.#options
    const { exists, answers, additionals, alias } = answerZone(zone, cluster.view, name, asked.question.type)
    if (alias !== undefined) return this.#followAlias(asked, answers, alias, signal)
    const isNegative = answers.length === 0
    const parts = {
      rcode: exists ? rcodes.noError : rcodes.nameError,
      answers,
      authorities: isNegative ? [soaRecord(zone)] : [],
      additionals,
      isAuthoritative: true,
    }
    this.#keep(asked, parts)
    return respond(asked, parts)
  }

  #keep(asked: Asked, parts: Parts): void {
    if (this.#encoded.size >= maxEncoded) this.#encoded.clear()
    const message = compose({ ...asked, edns: undefined }, parts)
    const end = endOfQuestion(asked.query)
    this.#encoded.set(keyOf(asked.query, end), { message, orders: [], next: 0 })
  }

  /** An ExternalName: our alias, then whatever the world says about its target. */
  async #followAlias(
    asked: Asked,
    own: readonly ResourceRecord[],
    alias: string,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const query = encodeMessage({
      id: 0,
      flags: headerBits.recursionDesired,
      questions: [{ ...asked.question, name: alias }],
      answers: [],
      authorities: [],
      additionals: [ednsRecord(ourPayloadSize, false)],
    })
    try {
      let bytes = await this.#options.forwarder.ask(query, false, signal)
      const isCut = (bytes.readUInt16BE(2) & headerBits.truncated) !== 0
      if (isCut) bytes = await this.#options.forwarder.ask(query, true, signal)
      const { answers, flags: answered } = decodeMessage(bytes)
      const rcode = (answered & 15) === rcodes.nameError ? rcodes.nameError : rcodes.noError
      return respond(asked, { rcode, answers: [...own, ...answers], isAuthoritative: true })
    } catch (error) {
      if (signal.aborted || !(error instanceof ForwardError || error instanceof FormatError)) throw error
      return respond(asked, { answers: own, isAuthoritative: true })
    }
  }

  async #forward(asked: Asked, signal: AbortSignal): Promise<Buffer> {
    try {
      const bytes = await this.#options.forwarder.ask(outgoing(asked), asked.transport === 'tcp', signal)
      if (bytes.length <= limitOf(asked)) return bytes
      return respond(asked, { isTruncated: true })
    } catch (error) {
      if (signal.aborted || !(error instanceof ForwardError)) throw error
      return respond(asked, { rcode: rcodes.serverFailure })
    }
  }
}

type Asked = {
  readonly query: Buffer
  readonly message: Message
  readonly question: Question
  readonly edns: Edns | undefined
  readonly transport: Transport
}

type Parts = {
  readonly rcode?: number
  readonly answers?: readonly ResourceRecord[]
  readonly authorities?: readonly ResourceRecord[]
  readonly additionals?: readonly ResourceRecord[]
  readonly isAuthoritative?: boolean
  readonly isTruncated?: boolean
}

function compose({ message, question, edns }: Asked, parts: Parts): Message {
  const flags =
    headerBits.response |
    (message.flags & headerBits.recursionDesired) |
    (parts.isAuthoritative === true ? headerBits.authoritative : headerBits.recursionAvailable) |
    (parts.isTruncated === true ? headerBits.truncated : 0) |
    (parts.rcode ?? rcodes.noError)
  return {
    id: message.id,
    flags,
    questions: [question],
    answers: parts.answers ?? [],
    authorities: parts.authorities ?? [],
    additionals: [
      ...(parts.additionals ?? []),
      ...(edns === undefined ? [] : [ednsRecord(ourPayloadSize, edns.isDnssecWanted)]),
    ],
  }
}

function respond(asked: Asked, parts: Parts): Buffer {
  const message = compose(asked, parts)
  return encodeWithin(
    { ...message, answers: rotate(message.answers, Math.floor(Math.random() * maxRotations)) },
    limitOf(asked),
  )
}

function limitOf({ transport, edns }: Asked): number {
  if (transport === 'tcp') return tcpLimit
  return edns === undefined ? plainLimit : Math.max(plainLimit, Math.min(edns.payloadSize, ourPayloadSize))
}

/** The query for an upstream server: the client's question and wishes, without its cookies and other options, so that clients can share answers. */
function outgoing({ message, question, edns }: Asked): Buffer {
  const flags = message.flags & (headerBits.recursionDesired | headerBits.authenticData | headerBits.checkingDisabled)
  const additionals = edns === undefined ? [] : [ednsRecord(upstreamPayloadSize, edns.isDnssecWanted)]
  return encodeMessage({ id: message.id, flags, questions: [question], answers: [], authorities: [], additionals })
}

/** One question, at most one record behind it, a request of the usual kind. */
function isUsual(query: Buffer): boolean {
  if (query.length < 17 || ((query[2] ?? 0xff) & 0xfe) !== 0) return false
  return query.readUInt16BE(4) === 1 && query.readUInt32BE(6) === 0 && query.readUInt16BE(10) <= 1
}

/** Root name, type, class, four bytes of flags, and no options. */
const ednsBytes = 11

/** What stands behind the question: nothing (0), an EDNS record of version 0 without options (its payload size), or something else. */
function plainEdnsSize(query: Buffer, end: number): number | undefined {
  const hasRecord = query.readUInt16BE(10) === 1
  if (!hasRecord) return query.length === end ? 0 : undefined
  if (query.length !== end + ednsBytes || query[end] !== 0 || query.readUInt16BE(end + 1) !== types.OPT)
    return undefined
  const isVersion0 = query[end + 5] === 0 && query[end + 6] === 0
  return isVersion0 && query.readUInt16BE(end + 9) === 0 ? Math.max(plainLimit, query.readUInt16BE(end + 3)) : undefined
}

/** Name in lower case, type and class: bytes, since they need no decoding. */
function keyOf(query: Buffer, end: number): string {
  return (
    query.toString('latin1', 12, end - 4).toLowerCase() +
    String.fromCharCode(query.readUInt16BE(end - 4), query.readUInt16BE(end - 2))
  )
}

function nextOrder(encoded: Encoded): Buffer {
  const { message, orders } = encoded
  const count = Math.max(1, Math.min(addressCount(message.answers), maxRotations))
  encoded.next = (encoded.next + 1) % count
  const known = orders[encoded.next]
  if (known !== undefined) return known
  const bytes = encodeMessage({ ...message, answers: rotate(message.answers, encoded.next) })
  orders[encoded.next] = bytes
  return bytes
}

function addressCount(answers: readonly ResourceRecord[]): number {
  return answers.filter(({ data }) => data.type === 'A' || data.type === 'AAAA').length
}

/** Turns the addresses of an answer by `steps`; aliases stay in front. */
function rotate(answers: readonly ResourceRecord[], steps: number): readonly ResourceRecord[] {
  const isAddress = ({ data }: ResourceRecord): boolean => data.type === 'A' || data.type === 'AAAA'
  const addresses = answers.filter(isAddress)
  if (addresses.length < 2) return answers
  const by = steps % addresses.length
  return [...answers.filter((item) => !isAddress(item)), ...addresses.slice(by), ...addresses.slice(0, by)]
}

/** An answer without sections: the question stays where it could be read. */
function errorAnswer(query: Buffer, rcode: number): Buffer {
  const answer = Buffer.alloc(12)
  query.copy(answer, 0, 0, 2)
  const asked = query.readUInt16BE(2)
  answer.writeUInt16BE(headerBits.response | (asked & 0x7900) | rcode, 2)
  return answer
}

function badVersion(message: Message, { isDnssecWanted }: Edns): Buffer {
  const { id, questions } = message
  const flags = headerBits.response | (message.flags & headerBits.recursionDesired)
  // BADVERS is 16: its high part stands in the OPT record (RFC 6891, 6.1.3).
  const additionals = [ednsRecord(ourPayloadSize, isDnssecWanted, 1)]
  return encodeMessage({ id, flags, questions, answers: [], authorities: [], additionals })
}
