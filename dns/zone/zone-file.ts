/** Master files (RFC 1035, 5): records as text. Parentheses, `@`, `$ORIGIN`, `$TTL`, quoted texts, comments. Pure. */
import { isIPv4, isIPv6 } from 'node:net'
import { parseDuration } from '../../component-base/flags.ts'
import { wireName } from '../codec/name.ts'
import { type RecordData, type ResourceRecord, record, typeNumber, types } from '../codec/record.ts'

/** Text that is no master file. */
export class ZoneFileError extends Error {
  override readonly name = 'ZoneFileError'
}

/** Records of a file, and how long its lines may be. */
const maxRecords = 100_000

/** Reads all records; names without a dot at the end stand below `origin`. Throws `ZoneFileError`. */
export function parseZoneFile(text: string, origin: string): readonly ResourceRecord[] {
  const records: ResourceRecord[] = []
  let state: State = { origin, owner: origin, ttlSeconds: undefined }
  for (const { words, isIndented, line } of entriesOf(text)) {
    const [first = '', second = ''] = words
    if (first === '$ORIGIN') state = { ...state, origin: absolute(second, state.origin) }
    else if (first === '$TTL') state = { ...state, ttlSeconds: ttlOf(second) ?? fail(line, `bad TTL "${second}"`) }
    else if (first.startsWith('$')) fail(line, `unknown directive "${first}"`)
    else {
      const item = readEntry(words, isIndented, state, line)
      state = { ...state, owner: item.name, ttlSeconds: state.ttlSeconds ?? item.ttlSeconds }
      records.push(item)
    }
    if (records.length > maxRecords) fail(line, `more than ${maxRecords} records`)
  }
  return records
}

/** Reads one record, as `template` writes them. */
export function parseRecord(text: string): ResourceRecord {
  const [item] = parseZoneFile(text, '.')
  if (item === undefined) throw new ZoneFileError('no record')
  return item
}

type State = { readonly origin: string; readonly owner: string; readonly ttlSeconds: number | undefined }
type Entry = { readonly words: readonly string[]; readonly isIndented: boolean; readonly line: number }

function fail(line: number, message: string): never {
  throw new ZoneFileError(`dns: ${message} at line: ${line}`)
}

/** Lines of words; parentheses join lines. A quoted word keeps its quotes, so that it is told from a name. */
function entriesOf(text: string): readonly Entry[] {
  const entries: Entry[] = []
  let words: string[] = []
  let depth = 0
  let start = 1
  for (const [i, line] of text.split('\n').entries()) {
    if (words.length === 0) start = i + 1
    const isIndented = /^\s/.test(line)
    for (const [word] of line.matchAll(/"(?:\\.|[^"\\])*"|;.*|[()]|(?:\\.|[^\s();"])+/g)) {
      if (word.startsWith(';')) break
      if (word === '(') depth += 1
      else if (word === ')') depth -= 1
      else words.push(word)
    }
    if (depth < 0) fail(i + 1, 'unbalanced parenthesis')
    if (depth > 0 || words.length === 0) continue
    entries.push({ words, isIndented: isIndented && start === i + 1, line: start })
    words = []
  }
  if (depth > 0) fail(start, 'unbalanced parenthesis')
  return entries
}

function readEntry(words: readonly string[], isIndented: boolean, state: State, line: number): ResourceRecord {
  const [first = '', ...others] = words
  const name = isIndented ? state.owner : absolute(first, state.origin)
  let rest = isIndented ? words : others
  let ttlSeconds: number | undefined
  // Time to live and class may stand in either order.
  for (;;) {
    const [word = ''] = rest
    const ttl = ttlOf(word)
    if (ttl !== undefined && ttlSeconds === undefined) ttlSeconds = ttl
    else if (word.toUpperCase() !== 'IN') break
    rest = rest.slice(1)
  }
  const [type = '', ...data] = rest
  const number = typeNumber(type)
  if (number === undefined) fail(line, `unknown RR type: "${type}"`)
  const read = dataReaders.get(number)
  if (read === undefined) fail(line, `records of the type ${type} are not supported`)
  try {
    const known = state.ttlSeconds
    return record(name, ttlSeconds ?? known ?? 3600, read(data, state.origin))
  } catch (error) {
    return fail(line, `bad ${type}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** `300`, `1h`, `1h30m`; days and weeks as well. */
function ttlOf(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number(text)
  if (!/^(?:\d+[smhdw])+$/i.test(text)) return undefined
  const days = text.toLowerCase().replace(/(\d+)w/g, (_, n: string) => `${Number(n) * 168}h`)
  const ms = parseDuration(days.replace(/(\d+)d/g, (_, n: string) => `${Number(n) * 24}h`))
  return ms === undefined ? undefined : Math.floor(ms / 1000)
}

function absolute(text: string, origin: string): string {
  if (text === '@') return origin.toLowerCase()
  const lower = text.toLowerCase()
  const isFull = lower.endsWith('.') && !lower.endsWith('\\.')
  const name = isFull ? lower : `${lower}.${origin === '.' ? '' : origin.toLowerCase()}`
  wireName(name)
  return name
}

type DataReader = (words: readonly string[], origin: string) => RecordData

function at(words: readonly string[], i: number): string {
  const word = words[i]
  if (word === undefined) throw new Error('too few fields')
  return word
}

function numberAt(words: readonly string[], i: number, max = 65_535): number {
  const word = at(words, i)
  if (!/^\d+$/.test(word) || Number(word) > max) throw new Error(`not a number: ${word}`)
  return Number(word)
}

function secondsAt(words: readonly string[], i: number): number {
  const seconds = ttlOf(at(words, i))
  if (seconds === undefined) throw new Error(`not a time: ${words[i]}`)
  return seconds
}

function textOf(word: string): string {
  const plain = word.startsWith('"') ? word.slice(1, -1) : word
  return plain.replaceAll(/\\(\d{3}|.)/g, (_, code: string) =>
    /^\d{3}$/.test(code) ? String.fromCharCode(Number(code) & 255) : code,
  )
}

const target =
  (type: 'CNAME' | 'NS' | 'PTR'): DataReader =>
  (words, origin) => ({ type, target: absolute(at(words, 0), origin) })

const dataReaders: ReadonlyMap<number, DataReader> = new Map<number, DataReader>([
  [
    types.A,
    (words) => {
      if (!isIPv4(at(words, 0))) throw new Error(`not an IPv4 address: ${words[0]}`)
      return { type: 'A', address: at(words, 0) }
    },
  ],
  [
    types.AAAA,
    (words) => {
      if (!isIPv6(at(words, 0))) throw new Error(`not an IPv6 address: ${words[0]}`)
      return { type: 'AAAA', address: at(words, 0) }
    },
  ],
  [types.CNAME, target('CNAME')],
  [types.NS, target('NS')],
  [types.PTR, target('PTR')],
  [types.TXT, (words) => ({ type: 'TXT', texts: [at(words, 0), ...words.slice(1)].map(textOf) })],
  [
    types.SRV,
    (words, origin) => ({
      type: 'SRV',
      priority: numberAt(words, 0),
      weight: numberAt(words, 1),
      port: numberAt(words, 2),
      target: absolute(at(words, 3), origin),
    }),
  ],
  [
    types.MX,
    (words, origin) => {
      const preference = Buffer.alloc(2)
      preference.writeUInt16BE(numberAt(words, 0))
      const bytes = Buffer.concat([preference, wireName(absolute(at(words, 1), origin))])
      return { type: 'raw', number: types.MX, bytes }
    },
  ],
  [
    types.HINFO,
    (words) => {
      const parts = [at(words, 0), at(words, 1)].map((word) => Buffer.from(textOf(word), 'latin1').subarray(0, 255))
      const bytes = Buffer.concat(parts.flatMap((part) => [Uint8Array.of(part.length), part]))
      return { type: 'raw', number: types.HINFO, bytes }
    },
  ],
  [
    types.SOA,
    (words, origin) => ({
      type: 'SOA',
      primary: absolute(at(words, 0), origin),
      mailbox: absolute(at(words, 1), origin),
      serial: numberAt(words, 2, 0xffffffff),
      refreshSeconds: secondsAt(words, 3),
      retrySeconds: secondsAt(words, 4),
      expireSeconds: secondsAt(words, 5),
      minimumSeconds: secondsAt(words, 6),
    }),
  ],
])
