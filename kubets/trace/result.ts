/** The answer of a trace as data: what `-o json` prints. Pure. */
import type { ModeName } from '../../kube-proxy/mode.ts'
import type { Choose, TraceStep } from '../../netfilter/trace.ts'
import { explore } from './branches.ts'
import { type ClusterObjects, keyOf, nodeIps, podAt } from './cluster.ts'
import type { LiveResult } from './live-judge.ts'
import type { Destination } from './target.ts'
import { type NodeHop, type Sender, type Walk, type World, walkPacket } from './walk.ts'

/** An endpoint that the packet may be sent to. */
export type Candidate = {
  readonly ip: string
  readonly port: number
  readonly pod: string | undefined
  readonly node: string | undefined
  readonly probability: number
}
export type TraceResult = {
  readonly from: { readonly label: string; readonly ip: string; readonly node: string; readonly type: Sender['type'] }
  readonly to: Pick<Destination, 'label' | 'ip' | 'port' | 'protocol'>
  readonly proxyMode: ModeName
  readonly source: 'kernel' | 'rendered'
  readonly candidates: readonly Candidate[]
  readonly hops: readonly NodeHop[]
  readonly back: Walk['back']
  readonly outcome: Walk['outcome']
  readonly reason: string
  readonly endedAt: string
  readonly receiver: Receiver
  /** Where kernel and rendered rules say different things; only for `--source both`. */
  readonly differences?: readonly string[]
  readonly live?: LiveResult
}
export type Receiver = {
  readonly ip: string
  readonly port: number
  /** Such as `pod web/a`, `node kubets-node-1`; `undefined` outside. */
  readonly label: string | undefined
  readonly sees: string
}

/** Ways through the rules that are looked at; Services with more endpoints show this many. */
const maxBranches = 200

export type Traced = {
  readonly walk: Walk
  readonly candidates: readonly Candidate[]
  /** All ways that chance may take. */
  readonly walks: readonly Walk[]
}

/** Follows the packet along every way; the first way is the one that is shown, or that to `preferred`. */
export function traceAll(
  sender: Sender,
  to: Destination,
  world: World,
  objects: ClusterObjects,
  preferred?: string,
): Traced {
  const branches = explore((choose: Choose) => walkPacket(sender, to, world, choose), maxBranches)
  const byEndpoint = new Map<string, Candidate>()
  for (const { outcome, probability } of branches) {
    const translated = outcome.hops.find((hop) => hop.translatedTo !== undefined)?.translatedTo
    if (translated === undefined) continue
    const key = `${translated.ip} ${translated.port}`
    const pod = podAt(objects, translated.ip)
    const node = pod?.spec?.nodeName ?? nodeOf(objects, translated.ip)
    const known = byEndpoint.get(key)?.probability ?? 0
    byEndpoint.set(key, {
      ...{ ...translated, node, probability: known + probability },
      pod: pod === undefined ? undefined : keyOf(pod),
    })
  }
  const walks = branches.map(({ outcome }) => outcome)
  const walk = walks.find(({ destinationIp }) => destinationIp === preferred) ?? walks[0]
  if (walk === undefined) throw new TypeError('no way was followed')
  return { walk, walks, candidates: [...byEndpoint.values()] }
}

function nodeOf({ nodes }: ClusterObjects, ip: string): string | undefined {
  return nodes.find((node) => nodeIps(node).includes(ip))?.metadata.name
}

/** Who got it. */
export function receiverOf(
  { destinationIp: ip, destinationPort: port, sourceIp, endedAt }: Walk,
  objects: ClusterObjects,
): Receiver {
  const pod = podAt(objects, ip)
  const isNode = objects.nodes.some(({ metadata }) => metadata.name === endedAt)
  const label = pod !== undefined ? `pod ${keyOf(pod)}` : isNode ? `node ${endedAt}` : undefined
  return { ip, port, label, sees: sourceIp }
}

/** What two sources of rules say differently, in sentences. */
export function differencesOf(kernel: Traced, rendered: Traced): readonly string[] {
  const [one, other] = [kernel.walk, rendered.walk]
  const ends = (walks: readonly Walk[]) =>
    [
      ...new Set(
        walks.map(({ destinationIp, destinationPort, outcome }) => `${destinationIp} ${destinationPort} ${outcome}`),
      ),
    ].toSorted()
  const different: string[] = []
  const add = (what: string, inKernel: string, inRendered: string) => {
    if (inKernel !== inRendered) different.push(`${what}: ${inKernel} in the kernel, ${inRendered} as rendered`)
  }
  add('outcome', one.outcome, other.outcome)
  add('possible ends', ends(kernel.walks).join('; '), ends(rendered.walks).join('; '))
  if (one.destinationIp === other.destinationIp) add('source seen', one.sourceIp, other.sourceIp)
  add('way', one.hops.map(({ node }) => node).join(' → '), other.hops.map(({ node }) => node).join(' → '))
  return different
}

/** The rules that made a difference: what they led to, and the jumps that led there. */
export function tellingSteps(steps: readonly TraceStep[]): readonly TraceStep[] {
  const kept: boolean[] = steps.map(isTelling)
  for (let at = steps.length - 1; at >= 0; at -= 1) {
    const step = steps[at]
    const target = /^(?:jump|goto) (.*)$/.exec(step?.verdict ?? '')?.[1]
    if (step === undefined || target === undefined) continue
    // What comes until the packet is back in this chain, or done with this table, belongs to the jump.
    const back = steps.findIndex(
      ({ chain, table, hook }, index) =>
        index > at && (chain === step.chain || table !== step.table || hook !== step.hook),
    )
    kept[at] = kept.slice(at + 1, back < 0 ? steps.length : back).includes(true)
  }
  return steps.filter((_, index) => kept[index])
}

function isTelling({ verdict, rule }: TraceStep): boolean {
  if (verdict === 'RETURN') return rule.includes('allowed by')
  return !/^(continue|jump |goto )/.test(verdict)
}
