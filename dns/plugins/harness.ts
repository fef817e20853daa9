/** A configuration with a pretended cluster, for tests of plugins: questions go in, replies come out. */
import type { Clock } from '../../component-base/clock.ts'
import { type Logger, silentLogger } from '../../component-base/logger.ts'
import { rcodeName } from '../codec/message.ts'
import type { ResourceRecord } from '../codec/record.ts'
import { typeName, typeNumber } from '../codec/record.ts'
import { type Configuration, compile, zoneFor } from '../configuration.ts'
import { type Directive, parseCorefile } from '../corefile/parse.ts'
import { FakeCluster } from '../fixtures.ts'
import { DnsMetrics } from '../metrics.ts'
import type { Context, Outcome, Request } from './plugin.ts'

/** What a test may give. */
export type HarnessOptions = {
  readonly cluster?: FakeCluster
  readonly files?: Readonly<Record<string, string>>
  readonly clock?: Clock
  readonly logger?: Logger
  readonly metrics?: DnsMetrics
}

const stoppedClock: Clock = { now: () => 1_700_000_000_000, sleep: async () => await new Promise(() => {}) }

/** What plugins are given, for those that are tested alone. */
export function contextFor(options: HarnessOptions = {}): Context {
  const { cluster = new FakeCluster(), files = {}, clock = stoppedClock, logger = silentLogger } = options
  return {
    zones: ['.'],
    server: 'dns://:53',
    plugin: () => undefined,
    lookup: async () => undefined,
    clock,
    logger,
    metrics: options.metrics ?? new DnsMetrics(),
    cluster,
    serviceAddresses: ['10.96.0.10'],
    ownAddresses: ['172.31.240.11'],
    readText: (path) => {
      const content = files[path]
      if (content === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`)
      return content
    },
  }
}

/** The lines of a directive. */
export function linesOf(text: string): readonly Directive[] {
  const [block] = parseCorefile(`. {\n${text}\n}`, {
    file: 'Corefile',
    environment: {},
    importFiles: () => [],
    isDirective: () => true,
  })
  return block?.directives ?? []
}

/** A question for a name and type. */
export function requestFor(name: string, type = 'A', change: Partial<Request> = {}): Request {
  return {
    id: 1,
    flags: 0x0100,
    question: { name, type: typeNumber(type) ?? 0, class: 1 },
    name: name.toLowerCase(),
    edns: undefined,
    transport: 'udp',
    client: { address: '10.244.1.9', port: 4321 },
    size: 40,
    depth: 0,
    signal: new AbortController().signal,
    ...change,
  }
}

/** Reads a Corefile for port 53 on 127.0.0.1. Nothing listens. */
export function configure(text: string, options: HarnessOptions = {}): Configuration {
  return compile({
    file: 'Corefile',
    text,
    environment: {},
    importFiles: () => [],
    address: '127.0.0.1',
    port: 53,
    context: contextFor(options),
  })
}

/** Asks for a name and type, as a client of `change` would. */
export async function ask(
  { listeners }: Configuration,
  name: string,
  type = 'A',
  change: Partial<Request> = {},
): Promise<Outcome> {
  const [listener] = listeners.values()
  const zone = listener === undefined ? undefined : zoneFor(listener, name.toLowerCase())
  return await zone?.handler(requestFor(name, type, change))
}

/** A reply in short: code, then what the answers say. */
export function show(reply: Outcome): string {
  if (reply === undefined) return 'nothing'
  return [rcodeName(reply.rcode), ...reply.answers.map(showRecord)].join(' | ')
}

/** A record in short. */
export function showRecord({ name, ttlSeconds, data }: ResourceRecord): string {
  const type = data.type === 'raw' ? typeName(data.number) : data.type
  return `${name} ${ttlSeconds} ${type} ${valueText(data)}`
}

function valueText(data: ResourceRecord['data']): string {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return data.address
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return data.target
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`
    case 'TXT':
      return data.texts.join(' ')
    case 'SOA':
      return `${data.primary} ${data.serial} ${data.minimumSeconds}`
    case 'raw':
      return Buffer.from(data.bytes).toString('hex')
  }
}
