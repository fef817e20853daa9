/** Resource records (RFC 1035, 3.2 and 3.3; RFC 2782; RFC 3596). Types that are not known here stay bytes. */
import { isIPv4 } from 'node:net'
import { decodeName, FormatError, wireName } from './name.ts'
import type { Writer } from './writer.ts'

/** Numbers of record types. */
export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  DNAME: 39,
  OPT: 41,
  DS: 43,
  RRSIG: 46,
  NSEC: 47,
  DNSKEY: 48,
  TLSA: 52,
  SVCB: 64,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
  CAA: 257,
  HINFO: 13,
} as const

const namesOfTypes = new Map<number, string>(Object.entries(types).map(([name, number]) => [number, name]))

/** The name of a type: `A`, or `TYPE1234` (RFC 3597). */
export function typeName(type: number): string {
  return namesOfTypes.get(type) ?? `TYPE${type}`
}

/** The number of a type by its name; `undefined` when there is none. */
export function typeNumber(name: string): number | undefined {
  const upper = name.toUpperCase()
  const generic = /^TYPE(\d{1,5})$/.exec(upper)?.[1]
  return generic === undefined ? Object.entries(types).find(([known]) => known === upper)?.[1] : Number(generic)
}

/** What a record says. */
export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly target: string }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: string
    }
  | { readonly type: 'TXT'; readonly texts: readonly string[] }
  | {
      readonly type: 'SOA'
      readonly primary: string
      readonly mailbox: string
      readonly serial: number
      readonly refreshSeconds: number
      readonly retrySeconds: number
      readonly expireSeconds: number
      readonly minimumSeconds: number
    }
  | { readonly type: 'raw'; readonly number: number; readonly bytes: Uint8Array }

/** One record. The class of all but OPT is IN. */
export type ResourceRecord = {
  readonly name: string
  readonly class: number
  readonly ttlSeconds: number
  readonly data: RecordData
}

/** A record of class IN. */
export function record(name: string, ttlSeconds: number, data: RecordData): ResourceRecord {
  return { name, class: 1, ttlSeconds, data }
}

/** The number of a record's type. */
export function typeOf(data: RecordData): number {
  return data.type === 'raw' ? data.number : types[data.type]
}

/** Writes one record. Names within the data are compressed only where RFC 3597 allows it. */
export function writeRecord(writer: Writer, { name, class: recordClass, ttlSeconds, data }: ResourceRecord): void {
  writer.name(name)
  writer.u16(typeOf(data))
  writer.u16(recordClass)
  writer.u32(ttlSeconds)
  writer.sized(() => writeData(writer, data))
}

function writeData(writer: Writer, data: RecordData): void {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      writer.bytes(addressBytes(data.address))
      break
    case 'CNAME':
    case 'NS':
    case 'PTR':
      writer.name(data.target)
      break
    case 'SRV':
      for (const value of [data.priority, data.weight, data.port]) writer.u16(value)
      // RFC 2782: the target of SRV is not compressed.
      writer.name(data.target, false)
      break
    case 'TXT':
      for (const text of data.texts) writeText(writer, text)
      break
    case 'SOA': {
      writer.name(data.primary)
      writer.name(data.mailbox)
      const { serial, refreshSeconds, retrySeconds, expireSeconds, minimumSeconds } = data
      for (const value of [serial, refreshSeconds, retrySeconds, expireSeconds, minimumSeconds]) writer.u32(value)
      break
    }
    case 'raw':
      writer.bytes(data.bytes)
  }
}

function writeText(writer: Writer, text: string): void {
  const bytes = Buffer.from(text, 'latin1').subarray(0, 255)
  writer.u8(bytes.length)
  writer.bytes(bytes)
}

/** A record and the offset of the first byte behind it. */
export function readRecord(bytes: Buffer, at: number): { readonly record: ResourceRecord; readonly end: number } {
  const { name, end } = decodeName(bytes, at)
  if (end + 10 > bytes.length) throw new FormatError('record runs past the end')
  const type = bytes.readUInt16BE(end)
  const start = end + 10
  const stop = start + bytes.readUInt16BE(end + 8)
  if (stop > bytes.length) throw new FormatError('data of a record runs past the end')
  const data = readData(bytes, type, start, stop)
  return {
    record: { name, class: bytes.readUInt16BE(end + 2), ttlSeconds: bytes.readUInt32BE(end + 4), data },
    end: stop,
  }
}

function readData(bytes: Buffer, type: number, start: number, stop: number): RecordData {
  const size = stop - start
  switch (type) {
    case types.A:
      exactly(size, 4)
      return { type: 'A', address: bytes.subarray(start, stop).join('.') }
    case types.AAAA:
      exactly(size, 16)
      return { type: 'AAAA', address: formatIpv6(bytes.subarray(start, stop)) }
    case types.CNAME:
      return { type: 'CNAME', target: nameWithin(bytes, start, stop) }
    case types.NS:
      return { type: 'NS', target: nameWithin(bytes, start, stop) }
    case types.PTR:
      return { type: 'PTR', target: nameWithin(bytes, start, stop) }
    case types.SRV:
      if (size < 7) throw new FormatError('SRV is too short')
      return {
        type: 'SRV',
        priority: bytes.readUInt16BE(start),
        weight: bytes.readUInt16BE(start + 2),
        port: bytes.readUInt16BE(start + 4),
        target: nameWithin(bytes, start + 6, stop),
      }
    case types.TXT:
      return { type: 'TXT', texts: readTexts(bytes, start, stop) }
    case types.SOA:
      return readSoa(bytes, start, stop)
    default:
      return { type: 'raw', number: type, bytes: plainBytes(bytes, type, start, stop) }
  }
}

/**
 * Types of RFC 1035 and its age whose names may be compressed: how many bytes stand before the names, and how many names.
 * Pointers mean nothing in another message, so such data is kept in full (RFC 3597, 4).
 */
const namedLayouts: ReadonlyMap<number, readonly [before: number, names: number]> = new Map([
  [3, [0, 1]], // MD
  [4, [0, 1]], // MF
  [7, [0, 1]], // MB
  [8, [0, 1]], // MG
  [9, [0, 1]], // MR
  [14, [0, 2]], // MINFO
  [types.MX, [2, 1]],
  [17, [0, 2]], // RP
  [18, [2, 1]], // AFSDB
  [21, [2, 1]], // RT
  [26, [2, 2]], // PX
  [36, [2, 1]], // KX
  [types.DNAME, [0, 1]],
])

function plainBytes(bytes: Buffer, type: number, start: number, stop: number): Uint8Array {
  const layout = namedLayouts.get(type)
  if (layout === undefined) return Uint8Array.from(bytes.subarray(start, stop))
  const [before, names] = layout
  const parts = [bytes.subarray(start, Math.min(start + before, stop))]
  let at = start + before
  for (let i = 0; i < names; i += 1) {
    const { name, end } = decodeName(bytes, at)
    parts.push(wireName(name))
    at = end
  }
  exactly(at, stop)
  return Uint8Array.from(Buffer.concat(parts))
}

function readSoa(bytes: Buffer, start: number, stop: number): RecordData {
  const primary = decodeName(bytes, start)
  const mailbox = decodeName(bytes, primary.end)
  exactly(stop - mailbox.end, 20)
  const at = mailbox.end
  return {
    type: 'SOA',
    primary: primary.name,
    mailbox: mailbox.name,
    serial: bytes.readUInt32BE(at),
    refreshSeconds: bytes.readUInt32BE(at + 4),
    retrySeconds: bytes.readUInt32BE(at + 8),
    expireSeconds: bytes.readUInt32BE(at + 12),
    minimumSeconds: bytes.readUInt32BE(at + 16),
  }
}

function readTexts(bytes: Buffer, start: number, stop: number): readonly string[] {
  const texts: string[] = []
  for (let at = start; at < stop; ) {
    const end = at + 1 + (bytes[at] ?? 0)
    if (end > stop) throw new FormatError('text runs past its record')
    texts.push(bytes.toString('latin1', at + 1, end))
    at = end
  }
  return texts
}

function nameWithin(bytes: Buffer, start: number, stop: number): string {
  const { name, end } = decodeName(bytes, start)
  exactly(end, stop)
  return name
}

function exactly(actual: number, wanted: number): void {
  if (actual !== wanted) throw new FormatError('data of a record has the wrong size')
}

/** The bytes of an IPv4 or IPv6 address. */
export function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number)
  const [head = '', tail] = address.split('::')
  const left = groupsOf(head)
  const right = tail === undefined ? [] : groupsOf(tail)
  const groups = [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 255]))
}

function groupsOf(text: string): readonly number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

/** An IPv6 address from its bytes, in the form of RFC 5952. */
export function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) =>
    (((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0)).toString(16),
  )
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start += 1) {
    let length = 0
    while (groups[start + length] === '0') length += 1
    if (length > best.length) best = { start, length }
  }
  if (best.start < 0) return groups.join(':')
  return `${groups.slice(0, best.start).join(':')}::${groups.slice(best.start + best.length).join(':')}`
}
