/** Whole messages: header, question, and three sections of records (RFC 1035, 4.1; EDNS: RFC 6891). */
import { decodeName, FormatError } from './name.ts'
import { type ResourceRecord, readRecord, types, writeRecord } from './record.ts'
import { Writer } from './writer.ts'

/** Response codes. */
export const rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const

const rcodeNames = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
]

/** The name of a response code. */
export function rcodeName(rcode: number): string {
  return rcodeNames[rcode] ?? String(rcode)
}

/** The number of a response code by its name. */
export function rcodeNumber(name: string): number | undefined {
  const found = rcodeNames.indexOf(name.toUpperCase())
  return found < 0 ? undefined : found
}

/** Bits of the second word of the header. */
export const headerBits = {
  response: 0x8000,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
  recursionAvailable: 0x0080,
  authenticData: 0x0020,
  checkingDisabled: 0x0010,
} as const

/** What is asked. */
export type Question = { readonly name: string; readonly type: number; readonly class: number }

/** A message in the program's form. */
export type Message = {
  readonly id: number
  readonly flags: number
  readonly questions: readonly Question[]
  readonly answers: readonly ResourceRecord[]
  readonly authorities: readonly ResourceRecord[]
  readonly additionals: readonly ResourceRecord[]
}

export const headerSize = 12

/** Reads a message. Throws `FormatError`. */
export function decodeMessage(bytes: Buffer): Message {
  if (bytes.length < headerSize) throw new FormatError('header is too short')
  const questions: Question[] = []
  let at = headerSize
  for (let i = bytes.readUInt16BE(4); i > 0; i -= 1) {
    const { name, end } = decodeName(bytes, at)
    if (end + 4 > bytes.length) throw new FormatError('question runs past the end')
    questions.push({ name, type: bytes.readUInt16BE(end), class: bytes.readUInt16BE(end + 2) })
    at = end + 4
  }
  const section = (count: number): readonly ResourceRecord[] => {
    const records: ResourceRecord[] = []
    for (let i = 0; i < count; i += 1) {
      const { record, end } = readRecord(bytes, at)
      records.push(record)
      at = end
    }
    return records
  }
  return {
    id: bytes.readUInt16BE(0),
    flags: bytes.readUInt16BE(2),
    questions,
    answers: section(bytes.readUInt16BE(6)),
    authorities: section(bytes.readUInt16BE(8)),
    additionals: section(bytes.readUInt16BE(10)),
  }
}

/** Writes a message. */
export function encodeMessage(message: Message): Buffer {
  const { id, flags, questions, answers, authorities, additionals } = message
  const writer = new Writer()
  for (const value of [id, flags, questions.length, answers.length, authorities.length, additionals.length])
    writer.u16(value)
  for (const question of questions) {
    writer.name(question.name)
    writer.u16(question.type)
    writer.u16(question.class)
  }
  for (const record of [...answers, ...authorities, ...additionals]) writeRecord(writer, record)
  return writer.finish()
}

/** Writes a message of at most `limit` bytes: first additional records go, then answers, and the client is told to use TCP. */
export function encodeWithin(message: Message, limit: number): Buffer {
  const whole = encodeIfFits(message, limit)
  if (whole !== undefined) return whole
  const options = message.additionals.filter(({ data }) => data.type === 'raw' && data.number === types.OPT)
  const lean = encodeIfFits({ ...message, additionals: options }, limit)
  if (lean !== undefined) return lean
  const flags = message.flags | headerBits.truncated
  let kept = message.answers.length
  for (;;) {
    kept = Math.floor(kept / 2)
    const answers = message.answers.slice(0, kept)
    const shorter = { ...message, flags, answers, authorities: [], additionals: options }
    const cut = encodeIfFits(shorter, limit)
    if (cut !== undefined) return cut
    if (kept === 0) return encodeMessage(shorter)
  }
}

/** The bytes, where there are at most `limit`. No message has more than TCP can carry. */
function encodeIfFits(message: Message, limit: number): Buffer | undefined {
  try {
    const bytes = encodeMessage(message)
    return bytes.length <= limit ? bytes : undefined
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

/** The EDNS record of a message: how large an answer may be, and the flags. */
export type Edns = {
  readonly payloadSize: number
  readonly version: number
  readonly isDnssecWanted: boolean
  /** The client asks for the server's identifier. */
  readonly isServerIdWanted: boolean
}

/** Reads the OPT record among additional ones. Its fields stand where class and time to live usually are. */
export function readEdns(additionals: readonly ResourceRecord[]): Edns | undefined {
  const option = additionals.find(({ data }) => data.type === 'raw' && data.number === types.OPT)
  if (option === undefined) return undefined
  return {
    payloadSize: option.class,
    version: (option.ttlSeconds >>> 16) & 255,
    isDnssecWanted: (option.ttlSeconds & 0x8000) !== 0,
    isServerIdWanted: option.data.type === 'raw' && hasOption(option.data.bytes, ednsOptions.serverId),
  }
}

function hasOption(bytes: Uint8Array, code: number): boolean {
  const view = Buffer.from(bytes)
  for (let at = 0; at + 4 <= view.length; at += 4 + view.readUInt16BE(at + 2)) {
    if (view.readUInt16BE(at) === code) return true
  }
  return false
}

/** The OPT record of an answer. `extendedRcode` is the high part of response codes above 15. */
export function ednsRecord(
  payloadSize: number,
  isDnssecWanted: boolean,
  extendedRcode = 0,
  options: readonly EdnsOption[] = [],
): ResourceRecord {
  const ttlSeconds = ((extendedRcode << 24) | (isDnssecWanted ? 0x8000 : 0)) >>> 0
  return {
    name: '.',
    class: payloadSize,
    ttlSeconds,
    data: { type: 'raw', number: types.OPT, bytes: Buffer.concat(options.map(optionBytes)) },
  }
}

/** An option of EDNS. */
export type EdnsOption = { readonly code: number; readonly bytes: Uint8Array }

/** Codes of options. */
export const ednsOptions = { serverId: 3, extendedError: 15 } as const

function optionBytes({ code, bytes }: EdnsOption): Buffer {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code, 0)
  head.writeUInt16BE(bytes.length, 2)
  return Buffer.concat([head, bytes])
}
