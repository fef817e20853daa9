/** Plugins of a few lines each. What they do stands in CoreDNS' manual under their names. */
import { isIP } from 'node:net'
import { headerBits, rcodes } from '../codec/message.ts'
import { type ResourceRecord, record, types } from '../codec/record.ts'
import { argumentError, type Directive, unknownProperty } from '../corefile/parse.ts'
import { CorefileError, errorAt } from '../corefile/tokens.ts'
import { matchZone, zonesOrBlock } from '../corefile/zones.ts'
import { followedVersion } from '../metrics.ts'
import { durationOf, firstArgument, inPlugin, noArguments, oneArgument, onlyLine, wholeNumber } from './arguments.ts'
import { type Handler, mapReply, type Plugin, replyOf, type Setup } from './plugin.ts'

/** Accepted, and without meaning here; words are not looked at. */
export const accepted: Setup = () => ({})

/** `health [ADDRESS] { lameduck DURATION }`. */
export const health: Setup = (lines) =>
  inPlugin('health', () => {
    const line = last(lines)
    if (line.args.length > 1) throw argumentError(line)
    let lameDuckMs = 0
    for (const item of line.block) {
      if (item.name !== 'lameduck') throw unknownProperty(item)
      const text = oneArgument(item)
      try {
        lameDuckMs = durationOf(text)
      } catch (error) {
        throw new CorefileError(`unable to parse lameduck duration value: '${text}' : ${(error as Error).message}`)
      }
    }
    return { demand: { type: 'health', address: addressOf(line), lameDuckMs } }
  })

/** `ready [ADDRESS]`. */
export const ready: Setup = (lines) =>
  inPlugin('ready', () => {
    const line = onlyLine(lines)
    if (line.args.length > 1) throw argumentError(line)
    for (const item of line.block) {
      if (item.name !== 'monitor') throw unknownProperty(item)
      const kind = oneArgument(item)
      if (kind !== 'until-ready' && kind !== 'continuously')
        throw errorAt(item.at, `monitor type '${kind}' not supported`)
    }
    return { demand: { type: 'ready', address: addressOf(line) } }
  })

/** `prometheus [ADDRESS]`. */
export const prometheus: Setup = (lines) =>
  inPlugin('prometheus', () => {
    const line = onlyLine(lines)
    if (line.args.length > 1) throw argumentError(line)
    for (const item of line.block) {
      if (item.name === 'tls') throw errorAt(item.at, 'metrics over TLS are not supported by this server')
      if (item.name !== 'runtime_metrics') throw errorAt(item.at, `unknown option: ${item.name}`)
    }
    return { demand: { type: 'metrics', address: addressOf(line) } }
  })

function last(lines: readonly Directive[]): Directive {
  const line = lines.at(-1)
  if (line === undefined) throw new CorefileError('directive without line')
  return line
}

function addressOf(line: Directive): string | undefined {
  const [address] = line.args
  if (address !== undefined && !/^.*:\d+$/.test(address))
    throw new CorefileError(`address ${address}: missing port in address`)
  return address
}

/** `bind ADDRESS…`. Names of interfaces are not looked up. */
export const bind: Setup = (lines) =>
  inPlugin('bind', () => {
    const addresses = lines.flatMap((line) => {
      if (line.args.length === 0) throw new CorefileError('at least one address or interface name is expected')
      const except = new Set(
        line.block.flatMap((item) => {
          if (item.name !== 'except') throw new CorefileError(`invalid option "${item.name}"`)
          return item.args
        }),
      )
      return line.args.filter((address) => !except.has(address))
    })
    const wrong = addresses.find((address) => isIP(address) === 0)
    if (wrong !== undefined) throw new CorefileError(`not a valid IP address or interface name: "${wrong}"`)
    return { demand: { type: 'bind', addresses } }
  })

/** `reload [INTERVAL] [JITTER]`: checked; changes are watched for, whatever the interval. */
export const reload: Setup = (lines) =>
  inPlugin('reload', () => {
    for (const line of lines) {
      if (line.args.length > 2) throw argumentError(line)
      const [interval, jitter] = line.args.map(durationOf)
      if (interval !== undefined && interval !== 0 && interval < 2000)
        throw new CorefileError('interval value must be greater or equal to 2s')
      if (jitter !== undefined && jitter !== 0 && jitter < 1000)
        throw new CorefileError('jitter value must be 0 or greater or equal to 1s')
    }
    return {}
  })

/** `loadbalance [round_robin]`: addresses in changing order. */
export const loadbalance: Setup = (lines) =>
  inPlugin('loadbalance', () => {
    for (const { args, at, block } of lines) {
      const [policy = 'round_robin', ...rest] = args
      if (policy === 'weighted') throw new CorefileError('the policy "weighted" is not supported by this server')
      if (policy !== 'round_robin') throw new CorefileError(`unknown policy: ${policy}`)
      if (rest.length > 0) throw errorAt(at, `unknown property for ${policy}`)
      const [item] = block
      if (item?.name === 'prefer') throw errorAt(item.at, 'the property "prefer" is not supported by this server')
      if (item !== undefined) throw unknownProperty(item)
    }
    return { wrap: (next) => (request) => mapReply(next(request), (reply) => ({ ...reply, isShuffled: true })) }
  })

/** `minimal`: leaves out what an answer does not need. */
export const minimal: Setup = (lines) =>
  inPlugin('minimal', () => {
    for (const line of lines) noArguments(line)
    return {
      wrap: (next) => (request) =>
        mapReply(next(request), (reply) => {
          const isPositive = reply.rcode === rcodes.noError && reply.answers.length > 0
          return isPositive ? { ...reply, authorities: [], additionals: [] } : reply
        }),
    }
  })

/** `any`: answers ANY with one HINFO record (RFC 8482). */
export const any: Setup = (lines) =>
  inPlugin('any', () => {
    for (const line of lines) noArguments(line)
    const text = Buffer.from('ANY obsoleted')
    const reference = Buffer.from('See RFC 8482')
    const bytes = Buffer.concat([Uint8Array.of(text.length), text, Uint8Array.of(reference.length), reference])
    return {
      wrap: (next) => (request) => {
        if (request.question.type !== types.ANY) return next(request)
        const hint = record(request.question.name, 8482, { type: 'raw', number: types.HINFO, bytes })
        return replyOf({ answers: [hint], isAuthoritative: true, by: 'any' })
      },
    }
  })

/** `whoami`: who asked, from which port and over what. */
export const whoami: Setup = (lines) =>
  inPlugin('whoami', () => {
    for (const line of lines) noArguments(line)
    return {
      wrap:
        () =>
        ({ question, client, transport }) => {
          const address = client.address.replace(/^::ffff:/, '')
          const own = record(question.name, 0, { type: isIP(address) === 4 ? 'A' : 'AAAA', address })
          const port = record(`_${transport}.${question.name === '.' ? '' : question.name}`, 0, {
            type: 'SRV',
            priority: 0,
            weight: 0,
            port: client.port,
            target: '.',
          })
          return replyOf({ additionals: [own, port], isAuthoritative: true, by: 'whoami' })
        },
    }
  })

/** `bufsize [SIZE]`: the largest answer over UDP. */
export const bufsize: Setup = (lines) =>
  inPlugin('bufsize', () => {
    const line = last(lines)
    if (line.args.length > 1) throw argumentError(line)
    const size = line.args.length === 0 ? 1232 : wholeNumber(firstArgument(line))
    if (size < 512 || size > 4096) throw argumentError(line)
    return {
      wrap: (next) => (request) => mapReply(next(request), (reply) => ({ ...reply, payloadLimit: size })),
    }
  })

const chaosNames: ReadonlySet<string> = new Set(['version.bind.', 'version.server.'])
const chaosHosts: ReadonlySet<string> = new Set(['hostname.bind.', 'id.server.'])

/** `chaos [VERSION] [AUTHORS…]`: answers questions of the class CHAOS about this server. */
export const chaos: Setup = (lines, { server }) =>
  inPlugin('chaos', () => {
    const [version = `CoreDNS-${followedVersion}`, ...authors] = last(lines).args
    const wrap =
      (next: Handler): Handler =>
      (request) => {
        const { name, question } = request
        if (question.class !== 3 || question.type !== types.TXT) return next(request)
        const text = (value: string): ResourceRecord => ({
          ...record(question.name, 0, { type: 'TXT', texts: [value] }),
          class: 3,
        })
        if (chaosNames.has(name)) return replyOf({ answers: [text(version)], isAuthoritative: true, by: 'chaos' })
        if (chaosHosts.has(name)) return replyOf({ answers: [text(server)], isAuthoritative: true, by: 'chaos' })
        if (name !== 'authors.bind.') return next(request)
        return replyOf({ answers: authors.map(text), isAuthoritative: true, by: 'chaos' })
      }
    return { wrap, demand: { type: 'chaosClass' } }
  })

/** `nsid [TEXT]`: the server's identifier for clients that ask (RFC 5001). */
export const nsid: Setup = (lines, { server }) =>
  inPlugin('nsid', () => {
    const { args } = onlyLine(lines)
    const serverId = args.length === 0 ? server : args.join(' ')
    return {
      wrap: (next) => (request) => {
        const outcome = next(request)
        if (request.edns?.isServerIdWanted !== true) return outcome
        return mapReply(outcome, (reply) => ({ ...reply, serverId, isSettled: false }))
      },
    }
  })

/** Names that never leave the machine (RFC 6303 and 6761). */
const localZones = ['localhost.', '0.in-addr.arpa.', '127.in-addr.arpa.', '255.in-addr.arpa.']

/** `local`: answers for localhost and its reverse names. */
export const local: Setup = (lines) => {
  for (const line of lines) noArguments(line)
  return {
    wrap: (next) => (request) => {
      const { name, question } = request
      const zone = matchZone(localZones, name)
      if (zone === undefined) return next(request)
      const answer = (answers: readonly ResourceRecord[]) =>
        replyOf({ answers, isAuthoritative: true, isSettled: true, by: 'local' })
      if (zone === 'localhost.' && question.type === types.A)
        return answer([record(question.name, 604_800, { type: 'A', address: '127.0.0.1' })])
      if (zone === 'localhost.' && question.type === types.AAAA)
        return answer([record(question.name, 604_800, { type: 'AAAA', address: '::1' })])
      if (name === '1.0.0.127.in-addr.arpa.' && question.type === types.PTR)
        return answer([record(question.name, 604_800, { type: 'PTR', target: 'localhost.' })])
      return answer([])
    },
  }
}

/** `transfer [ZONES] { to ADDRESS… }`: gives all records of a zone to whom it is allowed. */
export const transfer: Setup = (lines, context) => {
  const rules = inPlugin('transfer', () =>
    lines.map((line) => {
      const to = line.block.flatMap((item) => {
        if (item.name !== 'to') throw errorAt(item.at, `unknown property "${item.name}"`)
        if (item.args.length === 0) throw argumentError(item)
        return item.args
      })
      if (to.length === 0) throw errorAt(line.at, "'to' is required")
      return { zones: zonesOrBlock(line.args, context.zones), to: new Set(to.map((text) => text.replace(/:\d+$/, ''))) }
    }),
  )
  return {
    wrap: (next) => (request) => {
      const { question, name, client, transport } = request
      if (question.type !== types.AXFR && question.type !== types.IXFR) return next(request)
      const rule = rules.find(({ zones }) => zones.includes(name))
      if (rule === undefined) return next(request)
      const isAllowed = rule.to.has('*') || rule.to.has(client.address)
      const records = isAllowed && transport === 'tcp' ? zoneRecords(context.plugin, name) : undefined
      if (records === undefined) return replyOf({ rcode: rcodes.refused })
      return replyOf({ answers: records, isAuthoritative: true, by: 'transfer' })
    },
  }
}

function zoneRecords(
  plugin: (name: string) => Plugin | undefined,
  zone: string,
): readonly ResourceRecord[] | undefined {
  return ['kubernetes', 'file'].map((name) => plugin(name)?.transferZone?.(zone)).find((found) => found !== undefined)
}

/** `loop`: a question of its own that comes back more than once has gone round in circles. */
export const loop: Setup = (lines, context) =>
  inPlugin('loop', () => {
    noArguments(onlyLine(lines))
    const [zone = '.'] = context.zones
    const random = (): string => String(Math.floor(Math.random() * 2 ** 52))
    const own = `${random()}.${random()}.${zone === '.' ? '' : zone}`
    let seen = 0
    let isLooping = false
    let ask: Handler | undefined
    return {
      wrap: (next) => {
        ask = next
        return (request) => {
          if (request.question.type === types.HINFO && request.name === own && !isLooping) {
            seen += 1
            isLooping = seen > 1
            // CoreDNS ends itself here; the names of the cluster can still be answered.
            if (isLooping)
              context.logger.error('Loop detected, forwarding is off until the configuration changes', {
                zone,
                query: `HINFO ${own}`,
                client: `${request.client.address}:${request.client.port}`,
              })
          }
          if (isLooping) return replyOf({ rcode: rcodes.serverFailure, error: `Loop detected for zone "${zone}"` })
          return next(request)
        }
      },
      task: async (signal) => {
        const question = { name: own, type: types.HINFO, class: 1 }
        const request = {
          id: 0,
          flags: headerBits.recursionDesired,
          question,
          name: own,
          edns: undefined,
          transport: 'udp' as const,
          client: { address: '127.0.0.1', port: 0 },
          size: 0,
          depth: 0,
          signal,
        }
        await Promise.resolve(ask?.(request)).catch(() => undefined)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      },
    }
  })
