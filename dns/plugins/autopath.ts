/** `autopath`: walks a client's search path on the server, and answers with an alias to what was found first. */
import { isWithin } from '../codec/name.ts'
import { record } from '../codec/record.ts'
import { CorefileError } from '../corefile/tokens.ts'
import { matchZone, zonesOrBlock } from '../corefile/zones.ts'
import { parseSearch } from '../forward/resolv-conf.ts'
import { fullName, inPlugin, onlyLine } from './arguments.ts'
import type { Context, Handler, Outcome, Peer, Reply, Request, Setup } from './plugin.ts'

type SearchPath = (client: Peer) => readonly string[] | undefined

/** `autopath [ZONES…] RESOLV-CONF`: a file, or `@kubernetes`. */
export const autopath: Setup = (lines, context) =>
  inPlugin('autopath', () => {
    const { args } = onlyLine(lines)
    const source = args.at(-1)
    if (source === undefined) throw new CorefileError('no resolv-conf specified')
    const zones = zonesOrBlock(args.slice(0, -1), context.zones)
    const path = source.startsWith('@') ? fromPlugin(source.slice(1), context) : fromFile(source, context)
    const success = context.metrics.count('coredns_autopath_success_total', { server: context.server })
    const wrap =
      (next: Handler): Handler =>
      (request) => {
        if (matchZone(zones, request.name) === undefined) return next(request)
        const search = path(request.client)
        const [first] = search ?? []
        if (search === undefined || first === undefined || !isWithin(request.name, first))
          return unsettled(next(request))
        return walk(request, search, next, () => success.add())
      }
    return { wrap }
  })

function fromPlugin(name: string, context: Context): SearchPath {
  if (name !== 'kubernetes') throw new CorefileError(`${name} does not implement the AutoPather interface`)
  context.cluster.watchPods()
  return (client) => context.plugin(name)?.searchPath?.(client)
}

function fromFile(file: string, { readText }: Context): SearchPath {
  try {
    const search = [...parseSearch(readText(file)).map(fullName), '']
    return () => search
  } catch (error) {
    throw new CorefileError(`failed to parse "${file}": ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Another client may have another path. */
async function unsettled(outcome: Outcome | Promise<Outcome>): Promise<Outcome> {
  const reply = await outcome
  return reply === undefined ? undefined : { ...reply, isSettled: false }
}

async function walk(
  request: Request,
  search: readonly string[],
  next: Handler,
  succeeded: () => void,
): Promise<Outcome> {
  const first = search[0] ?? ''
  const base = request.question.name.slice(0, request.question.name.length - first.length)
  let firstReply: Outcome
  for (const [i, domain] of search.entries()) {
    const name = `${base}${domain}`
    if (name === '') continue
    const reply = await next({ ...request, name: name.toLowerCase(), question: { ...request.question, name } })
    if (i === 0) firstReply = reply
    // Only an answer ends the walk; what failed or does not exist sends it on.
    if (reply === undefined || reply.rcode !== 0) continue
    succeeded()
    return aliased(reply, request.question.name, name)
  }
  return firstReply === undefined ? undefined : { ...firstReply, isSettled: false }
}

/** Puts an alias from the name that was asked in front. */
function aliased(reply: Reply, asked: string, found: string): Reply {
  if (reply.answers.length === 0 || asked === found) return { ...reply, isSettled: false }
  const ttlSeconds = Math.min(...reply.answers.map((item) => item.ttlSeconds))
  const alias = record(asked, ttlSeconds, { type: 'CNAME', target: found })
  return { ...reply, answers: [alias, ...reply.answers], isSettled: false }
}
