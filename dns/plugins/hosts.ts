/** `hosts`: names and addresses from a file in the form of /etc/hosts, and from lines in the Corefile. */
import { isIP } from 'node:net'
import { parseDuration } from '../../component-base/flags.ts'
import { aborted } from '../../component-base/run.ts'
import { rcodes } from '../codec/message.ts'
import { type ResourceRecord, record, types } from '../codec/record.ts'
import { type Directive, unknownProperty } from '../corefile/parse.ts'
import { errorAt } from '../corefile/tokens.ts'
import { matchZone, zonesOrBlock } from '../corefile/zones.ts'
import { reverseAddress } from '../zone/reverse.ts'
import { fallthroughZones, fullName, inPlugin, onlyLine } from './arguments.ts'
import { type Context, failure, type Handler, replyOf, type Setup } from './plugin.ts'

type Options = {
  readonly path: string
  readonly zones: readonly string[]
  readonly inline: readonly string[]
  readonly fallthrough: readonly string[]
  readonly hasReverse: boolean
  readonly ttlSeconds: number
  /** 0: the file is read once. */
  readonly reloadMs: number
}

/** Names and addresses, both ways. */
type Table = {
  readonly addresses: ReadonlyMap<string, readonly string[]>
  readonly names: ReadonlyMap<string, readonly string[]>
}

/** Lines that a file may have. */
const maxLines = 100_000

/** Reads the directive. */
export const hosts: Setup = (lines, context) => {
  const options = inPlugin('hosts', () => readOptions(onlyLine(lines), context))
  const inline = tableOf(options.inline)
  let table = mergeTables(fileTable(options, context), inline)
  return {
    wrap: (next) => answerFrom(() => table, options, next),
    task: async (signal) => {
      const forget = context.metrics.gauge('coredns_hosts_entries', () => [{ labels: {}, value: table.addresses.size }])
      try {
        while (options.reloadMs > 0) {
          await context.clock.sleep(options.reloadMs, signal)
          table = mergeTables(fileTable(options, context), inline)
        }
        await aborted(signal)
      } finally {
        forget()
      }
    },
  }
}

function readOptions(line: Directive, { zones: blockZones }: Context): Options {
  const [path = '/etc/hosts', ...names] = line.args
  let options: Options = {
    path,
    zones: zonesOrBlock(names, blockZones),
    inline: [],
    fallthrough: [],
    hasReverse: true,
    ttlSeconds: 3600,
    reloadMs: 5000,
  }
  for (const item of line.block) options = { ...options, ...property(item, options) }
  return options
}

function property(item: Directive, { inline, fallthrough }: Options): Partial<Options> {
  const [argument] = item.args
  switch (item.name) {
    case 'fallthrough':
      return { fallthrough: fallthroughZones(item) }
    case 'no_reverse':
      return { hasReverse: false }
    case 'ttl': {
      if (argument === undefined) throw errorAt(item.at, 'ttl needs a time in second')
      if (!/^-?\d+$/.test(argument)) throw errorAt(item.at, 'ttl needs a number of second')
      const seconds = Number(argument)
      if (seconds <= 0 || seconds > 65_535) throw errorAt(item.at, 'ttl provided is invalid')
      return { ttlSeconds: seconds }
    }
    case 'reload': {
      if (argument === undefined || item.args.length > 1)
        throw errorAt(item.at, 'reload needs a duration (zero seconds to disable)')
      const ms = parseDuration(argument)
      if (ms === undefined) throw errorAt(item.at, `invalid duration for reload '${argument}'`)
      if (ms < 0) throw errorAt(item.at, `invalid negative duration for reload '${argument}'`)
      return { reloadMs: ms }
    }
    default:
      if (fallthrough.length > 0) throw unknownProperty(item)
      return { inline: [...inline, [item.name, ...item.args].join(' ')] }
  }
}

/** The file's table; none where it cannot be read. */
function fileTable({ path }: Options, { readText, logger }: Context): Table {
  try {
    return tableOf(readText(path).split('\n').slice(0, maxLines))
  } catch (error) {
    logger.debug('No hosts file', { path, error })
    return tableOf([])
  }
}

/** Reads lines of an address with its names. What is no address is passed over. */
function tableOf(lines: readonly string[]): Table {
  const addresses = new Map<string, string[]>()
  const names = new Map<string, string[]>()
  for (const line of lines) {
    const [address = '', ...own] = line.replace(/#.*$/, '').trim().split(/\s+/)
    const plain = address.replace(/%.*$/, '')
    if (isIP(plain) === 0) continue
    for (const name of own.map(fullName)) {
      addresses.set(name, [...(addresses.get(name) ?? []), plain])
      names.set(plain, [...(names.get(plain) ?? []), name])
    }
  }
  return { addresses, names }
}

function mergeTables(first: Table, second: Table): Table {
  const merge = (
    a: ReadonlyMap<string, readonly string[]>,
    b: ReadonlyMap<string, readonly string[]>,
  ): ReadonlyMap<string, readonly string[]> => {
    const all = new Map(a)
    for (const [key, values] of b) all.set(key, [...new Set([...(all.get(key) ?? []), ...values])])
    return all
  }
  return { addresses: merge(first.addresses, second.addresses), names: merge(first.names, second.names) }
}

function answerFrom(table: () => Table, options: Options, next: Handler): Handler {
  const { zones, fallthrough, ttlSeconds, hasReverse } = options
  return (request) => {
    const { name, question } = request
    const { addresses, names } = table()
    const answer = (answers: readonly ResourceRecord[]) => replyOf({ answers, isAuthoritative: true, by: 'hosts' })
    if (question.type === types.PTR) {
      const found = hasReverse ? (names.get(reverseAddress(name) ?? '') ?? []) : []
      if (found.length === 0) return next(request)
      return answer(found.map((target) => record(question.name, ttlSeconds, { type: 'PTR', target })))
    }
    if (matchZone(zones, name) === undefined) return next(request)
    const own = addresses.get(name)
    if (own === undefined) {
      // A hosts file has no SOA that a denial could carry, so it is a failure (as in CoreDNS).
      return matchZone(fallthrough, name) === undefined ? failure(rcodes.serverFailure) : next(request)
    }
    const family = question.type === types.A ? 4 : question.type === types.AAAA ? 6 : 0
    return answer(
      own
        .filter((address) => isIP(address) === family)
        .map((address) => record(question.name, ttlSeconds, { type: family === 4 ? 'A' : 'AAAA', address })),
    )
  }
}
