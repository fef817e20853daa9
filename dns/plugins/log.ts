/** `errors` and `log`: what went wrong, and every question, in CoreDNS' words. */
import { headerBits, rcodeName } from '../codec/message.ts'
import { typeName } from '../codec/record.ts'
import { argumentError, type Directive, unknownProperty } from '../corefile/parse.ts'
import { CorefileError, errorAt } from '../corefile/tokens.ts'
import { matchZone, zonesOf } from '../corefile/zones.ts'
import { inPlugin, onlyLine } from './arguments.ts'
import { kindOf } from './cache-store.ts'
import { failure, type Handler, mapReply, type Outcome, type Reply, type Request, type Setup } from './plugin.ts'

/** `errors`: one line for each answer that failed for a reason. */
export const errors: Setup = (lines, { logger }) =>
  inPlugin('errors', () => {
    const { args, at, block } = onlyLine(lines)
    if (args.length > 1) throw argumentError(onlyLine(lines))
    if (args[0] !== undefined && args[0] !== 'stdout') throw errorAt(at, `invalid log file: ${args[0]}`)
    for (const item of block) {
      if (item.name === 'consolidate') throw errorAt(item.at, '"consolidate" is not supported by this server')
      if (item.name !== 'stacktrace') throw errorAt(item.at, `Unknown field ${item.name}`)
    }
    return {
      wrap: (next) => (request) =>
        mapReply(next(request), (reply) => {
          if (reply.error === undefined) return reply
          const { name, type } = request.question
          // The question and the cause vary, so they are the message here: dashboards search for this line.
          logger.error(`plugin/errors: ${reply.rcode} ${name} ${typeName(type)}: ${reply.error}`)
          return reply
        }),
    }
  })

type Class = 'all' | 'success' | 'denial' | 'error'
type Rule = { readonly zones: readonly string[]; readonly format: string; readonly classes: ReadonlySet<string> }

const commonFormat =
  '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}'
const combinedFormat = `${commonFormat} "{>opcode}"`
const classes: readonly string[] = ['all', 'success', 'denial', 'error'] satisfies readonly Class[]

/** `log [NAMES…] [FORMAT] { class … }`. */
export const log: Setup = (lines, { logger, clock }) => {
  const rules = inPlugin('log', () => lines.flatMap(rulesOf))
  return {
    wrap: (next) => (request) => {
      const rule = rules.find(({ zones }) => matchZone(zones, request.name) !== undefined)
      if (rule === undefined) return next(request)
      const startMs = clock.now()
      return watch(next, request, (reply) => {
        if (!rule.classes.has('all') && !rule.classes.has(classOf(reply))) return
        logger.info(fill(rule.format, request, reply, (clock.now() - startMs) / 1000))
      })
    },
  }
}

/** Every question passes here: none may be answered from what is kept ready. */
function watch(next: Handler, request: Request, tell: (reply: Reply) => void): Outcome | Promise<Outcome> {
  return mapReply(next(request), (reply) => {
    tell(reply)
    return { ...reply, isSettled: false }
  })
}

function rulesOf(line: Directive): readonly Rule[] {
  const named = new Set(
    line.block.flatMap((item) => {
      if (item.name !== 'class') throw unknownProperty(item)
      if (item.args.length === 0) throw argumentError(item)
      const wrong = item.args.find((name) => !classes.includes(name))
      if (wrong !== undefined) throw new CorefileError(`invalid Class: ${wrong}`)
      return item.args
    }),
  )
  const isFormat = (line.args.at(-1) ?? '').includes('{')
  const names = isFormat ? line.args.slice(0, -1) : line.args
  const format = isFormat ? (line.args.at(-1) ?? '') : '{common}'
  return [
    {
      zones: names.length === 0 ? ['.'] : names.flatMap(zonesOf),
      format: format.replaceAll('{common}', commonFormat).replaceAll('{combined}', combinedFormat),
      classes: named.size === 0 ? new Set(['all']) : named,
    },
  ]
}

function classOf(reply: Reply): Class {
  const kind = kindOf(reply)
  if (kind === 'success') return 'success'
  if (kind === 'denial' || reply.rcode === 3) return 'denial'
  return reply.rcode === 0 ? 'success' : 'error'
}

function fill(format: string, request: Request, reply: Reply, seconds: number): string {
  const { client, question, edns, transport, flags } = request
  const values: Readonly<Record<string, string>> = {
    remote: client.address.includes(':') ? `[${client.address}]` : client.address,
    port: String(client.port),
    '>id': String(request.id),
    type: typeName(question.type),
    class: question.class === 1 ? 'IN' : question.class === 3 ? 'CH' : `CLASS${question.class}`,
    name: question.name,
    proto: transport,
    size: String(request.size),
    '>do': String(edns?.isDnssecWanted === true),
    '>bufsize': String(transport === 'tcp' ? 65_535 : Math.max(512, edns?.payloadSize ?? 512)),
    rcode: rcodeName(reply.rcode),
    '>rflags': flagsOf(reply, flags),
    rsize: String(reply.answers.length),
    duration: `${seconds.toFixed(9)}s`,
    '>opcode': String((flags >> 11) & 15),
  }
  return format.replaceAll(/\{([^}]*)\}/g, (_, name: string) => values[name] ?? '-')
}

function flagsOf(reply: Reply, asked: number): string {
  const names = [
    'qr',
    ...(reply.isAuthoritative ? ['aa'] : []),
    ...(reply.isTruncated ? ['tc'] : []),
    ...((asked & headerBits.recursionDesired) !== 0 ? ['rd'] : []),
    ...(reply.isRecursionAvailable ? ['ra'] : []),
    ...(reply.isAuthenticated ? ['ad'] : []),
    ...((asked & headerBits.checkingDisabled) !== 0 ? ['cd'] : []),
  ]
  return names.join(',')
}

/** What a handler behind the last plugin says. */
export const nobody: Handler = () => failure(2, 'plugin/: no next plugin found')
