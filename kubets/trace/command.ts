/** `kubets trace`: arguments, objects, kernels, the answer. */
import { createClient } from '../../client/rest/client.ts'
import { systemClock } from '../../component-base/clock.ts'
import { defineFlags, FlagError, type FlagValues, formatUsage, parseFlags } from '../../component-base/flags.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { ModeName } from '../../kube-proxy/mode.ts'
import type { Family } from '../../netfilter/iptables.ts'
import { podCidrs } from './cluster.ts'
import { enterNode } from './enter.ts'
import { fetchObjects, fetchProxyFacts } from './fetch.ts'
import { modeIn, readNode } from './kernel.ts'
import { builtSctpProbe, probeLive } from './live.ts'
import { rangesOfPods } from './pod-range.ts'
import { differencesOf, receiverOf, type Traced, type TraceResult, traceAll } from './result.ts'
import { destinationOf, type Protocol, parsePlace, type Question, senderOf, splitPort, TargetError } from './target.ts'
import { formatTrace } from './text.ts'
import { type NodeFacts, worldOf } from './world.ts'

export const traceFlags = defineFlags({
  namespace: {
    type: 'string',
    default: 'default',
    description: 'Namespace of pods and Services named without one (-n).',
  },
  kubeconfig: {
    type: 'string',
    default: '',
    description: 'Path of the kubeconfig file; else $KUBECONFIG, else ~/.kube/config.',
  },
  output: { type: 'string', default: 'text', description: 'text or json (-o).' },
  protocol: {
    type: 'string',
    default: '',
    description: 'tcp, udp or sctp; by default what the Service port says, else tcp.',
  },
  'proxy-mode': {
    type: 'string',
    default: '',
    description: "iptables, ipvs or nftables; by default what the node's kernel shows.",
  },
  'cluster-cidr': {
    type: 'strings',
    default: [],
    description: "Ranges of all pods, as kube-proxy's flag; by default those of all nodes together.",
  },
  source: {
    type: 'string',
    default: '',
    description: 'kernel, rendered, or both to compare them; by default kernel where it can be read.',
  },
  via: { type: 'string', default: '', description: 'The node by which packets from an address outside come in.' },
  live: { type: 'boolean', default: false, description: 'Also send one real probe and tell where it went.' },
  verbose: { type: 'boolean', default: false, description: 'Show every rule that held, in full (-v).' },
  help: { type: 'boolean', default: false, description: 'Show this help (-h).' },
})
type Flags = FlagValues<typeof traceFlags>

export type Io = {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly write: (text: string) => void
  readonly complain: (text: string) => void
}

const purpose = `Tells which route, chain, rule, policy and endpoint a packet meets on its way, and whether it arrives.

FROM is a pod (NAME, NAMESPACE/NAME or pod/NAME), a node (node/NAME) or an address.
TO is a pod, a node, a Service (svc/NAME or svc/NAMESPACE/NAME) or an address; PORT a number or a name.`

/** Runs the command; the exit code is 0 when the packet is delivered, 1 when not, 2 when the question is wrong. */
export async function traceCommand(argv: readonly string[], io: Io, signal: AbortSignal): Promise<number> {
  try {
    const { values, rest } = parseFlags(traceFlags, longFlags(argv))
    if (values.help) {
      io.write(formatUsage('kubets trace FROM TO[:PORT]', purpose, traceFlags))
      return 0
    }
    const result = await answer(values, rest, io, signal)
    io.write(
      values.output === 'json' ? `${JSON.stringify(result, undefined, 2)}\n` : formatTrace(result, values.verbose),
    )
    return result.outcome === 'delivered' ? 0 : 1
  } catch (error) {
    if (!(error instanceof TargetError || error instanceof FlagError)) throw error
    io.complain(error.message.startsWith('Error') ? `${error.message}\n` : `error: ${error.message}\n`)
    return 2
  }
}

const shortFlags: Readonly<Record<string, string>> = { n: 'namespace', o: 'output', v: 'verbose', h: 'help' }

/** `-n x`, `-nx` and `-n=x` as the flags that they stand for. */
export function longFlags(argv: readonly string[]): readonly string[] {
  return argv.map((argument) => {
    const [, letter = '', value = ''] = /^-([a-z])(?:=?(.*))?$/.exec(argument) ?? []
    if (letter === '') return argument
    const name = shortFlags[letter]
    if (name === undefined) throw new FlagError(`unknown shorthand flag: '${letter}' in ${argument}`)
    return value === '' ? `--${name}` : `--${name}=${value}`
  })
}

function oneOf<T extends string>(flag: string, value: string, allowed: readonly T[]): T | undefined {
  if (value === '') return undefined
  const found = allowed.find((each) => each === value)
  if (found === undefined)
    throw new FlagError(`invalid argument "${value}" for "--${flag}" flag: must be one of ${allowed.join(', ')}`)
  return found
}

const kindWord = /^(?:po|pods?|no|nodes?|svc|services?)$/

/** `pod NAME TO` is `pod/NAME TO`. */
export function placesIn(rest: readonly string[]): readonly [string, string] {
  const joined: string[] = []
  const left = [...rest]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const isKind = kindWord.test(word) && left.length + joined.length > 1
    joined.push(isKind ? `${word}/${left.shift() ?? ''}` : word)
  }
  const [from, to, extra] = joined
  if (from === undefined || to === undefined)
    throw new TargetError('trace needs FROM and TO. See "kubets trace --help"')
  if (extra !== undefined) throw new TargetError(`unexpected argument "${extra}"`)
  return [from, to]
}

function questionOf(flags: Flags, rest: readonly string[]): Question {
  const [from, target] = placesIn(rest)
  const { place, port } = splitPort(target)
  const protocol = oneOf<Protocol>('protocol', flags.protocol.toLowerCase(), ['tcp', 'udp', 'sctp'])
  const { namespace } = flags
  const via = flags.via === '' ? undefined : flags.via
  return { from: parsePlace(from, namespace), to: parsePlace(place, namespace), port, protocol, via }
}

async function answer(flags: Flags, rest: readonly string[], io: Io, signal: AbortSignal): Promise<TraceResult> {
  oneOf('output', flags.output, ['text', 'json'])
  const wanted = oneOf('source', flags.source, ['kernel', 'rendered', 'both'])
  const givenMode = oneOf<ModeName>('proxy-mode', flags['proxy-mode'], ['iptables', 'ipvs', 'nftables'])
  const question = questionOf(flags, rest)
  const path = flags.kubeconfig || io.env['KUBECONFIG'] || `${io.env['HOME'] ?? ''}/.kube/config`
  const client = createClient({ ...(await loadKubeconfig(path)), userAgent: 'kubets' })
  try {
    const objects = await fetchObjects(client, signal)
    const to = destinationOf(question, objects)
    const sender = senderOf(question, to, objects)
    const proxy = await fetchProxyFacts(client, signal)
    const facts =
      wanted === 'rendered' && givenMode !== undefined
        ? new Map<string, NodeFacts>()
        : await readKernels(
            objects.nodes.map(({ metadata }) => metadata.name),
            signal,
          )
    if (wanted !== undefined && wanted !== 'rendered' && facts.size === 0) {
      throw new TargetError(
        'this machine cannot enter the network namespace of any node: only --source rendered is possible',
      )
    }
    const modeOf = (node: string): ModeName => {
      const known = facts.get(node)
      return givenMode ?? (known === undefined ? undefined : modeIn(known.rules)) ?? proxy.mode ?? 'iptables'
    }
    const given = flags['cluster-cidr'].length > 0 ? flags['cluster-cidr'] : proxy.clusterCidrs
    const clusterCidrs = given.length > 0 ? given : rangesOfPods(objects.nodes.flatMap(podCidrs))
    const family: Family = to.ip.includes(':') ? 'ip6' : 'ip'
    const traceBy = (known: ReadonlyMap<string, NodeFacts>, preferred?: string) =>
      traceAll(sender, to, worldOf({ objects, family, modeOf, clusterCidrs, facts: known }), objects, preferred)
    const isRendered = wanted === 'rendered' || facts.size === 0
    let traced = traceBy(isRendered ? new Map() : facts)
    const live = flags.live
      ? await probeLive(
          { sender, to, traced, nodes: [...facts.keys()], sctpProbe: builtSctpProbe },
          systemClock,
          signal,
        )
      : undefined
    // What is shown is the way that the probe took, where it is one of those possible.
    if (live?.sentTo !== undefined) traced = traceBy(isRendered ? new Map() : facts, live.sentTo.ip)
    const differences =
      wanted === 'both' ? differencesOf(traced, traceBy(new Map(), traced.walk.destinationIp)) : undefined
    return {
      from: {
        label: sender.label,
        ip: sender.type === 'node' ? (traced.walk.hops[0]?.packet.sourceIp ?? '') : sender.ip,
        node: sender.node,
        type: sender.type,
      },
      to: { label: to.label, ip: to.ip, port: to.port, protocol: to.protocol },
      proxyMode: modeOf(sender.node),
      source: isRendered ? 'rendered' : 'kernel',
      ...shown(traced),
      receiver: receiverOf(traced.walk, objects),
      ...(differences === undefined ? {} : { differences }),
      ...(live === undefined ? {} : { live }),
    }
  } finally {
    client.close()
  }
}

function shown({
  walk,
  candidates,
}: Traced): Pick<TraceResult, 'candidates' | 'hops' | 'back' | 'outcome' | 'reason' | 'endedAt'> {
  const { hops, back, outcome, reason, endedAt } = walk
  return { candidates, hops, back, outcome, reason, endedAt }
}

/** The kernels of all nodes that this machine can enter. */
async function readKernels(names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, NodeFacts>> {
  const read = await Promise.all(
    names.map(async (name) => {
      const inside = await enterNode(name)
      return inside === undefined ? [] : [[name, await readNode(inside, signal)] as const]
    }),
  )
  return new Map(read.flat())
}
