/** Holds what really happened to a probe against the traced answer. Pure. */
import { joinAddress } from '../../netfilter/ipvs.ts'
import type { Walk } from './walk.ts'

export type ProbeOutcome = 'answered' | 'refused' | 'silent'

/** A connection as conntrack of one node knows it. */
export type TrackedFlow = {
  readonly node: string
  readonly original: Tuple
  /** As answers come: its source is where the packet was sent to, its destination whom the receiver saw. */
  readonly reply: Tuple
}
export type Tuple = {
  readonly sourceIp: string
  readonly destinationIp: string
  readonly sourcePort: number
  readonly destinationPort: number
}

export type LiveResult = {
  readonly probe: ProbeOutcome
  readonly flows: readonly TrackedFlow[]
  /** Where conntrack says it was sent to; `undefined` when no node has seen it. */
  readonly sentTo: { readonly ip: string; readonly port: number } | undefined
  readonly seenFrom: string | undefined
  readonly agrees: boolean
  /** What differs, or why a silent probe is no contradiction. */
  readonly notes: readonly string[]
}

/** Reads lines of `conntrack -L`. */
export function parseFlows(text: string, node: string): readonly TrackedFlow[] {
  return text.split('\n').flatMap((line) => {
    const tuples = [...line.matchAll(/src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/g)].map(
      ([, sourceIp = '', destinationIp = '', sourcePort, destinationPort]): Tuple => ({
        ...{ sourceIp, destinationIp },
        ...{ sourcePort: Number(sourcePort), destinationPort: Number(destinationPort) },
      }),
    )
    const [original, reply] = tuples
    return original === undefined || reply === undefined ? [] : [{ node, original, reply }]
  })
}

/** Compares; `walks` are all ways that chance may take. */
export function judgeLive(
  probe: ProbeOutcome,
  flows: readonly TrackedFlow[],
  walks: readonly Walk[],
  isUdp: boolean,
): LiveResult {
  const last = flows.at(-1)?.reply
  const sentTo = last === undefined ? undefined : { ip: last.sourceIp, port: last.sourcePort }
  const seenFrom = last?.destinationIp
  const walk =
    walks.find(
      ({ destinationIp, destinationPort }) => destinationIp === sentTo?.ip && destinationPort === sentTo?.port,
    ) ?? walks[0]
  const notes: string[] = []
  const expected = walk?.outcome ?? 'dropped'
  const isDelivered = expected === 'delivered'
  // What becomes of it out there, no rule of the cluster says.
  const isOutside = walk !== undefined && walk.outcome !== 'refused' && hasLeft(walk)
  if (probe === 'answered' && !isDelivered) notes.push(`it was answered, though the trace says ${expected}`)
  if (probe !== 'answered' && isOutside)
    notes.push(`it left the cluster as traced, and ${probe === 'refused' ? 'was refused' : 'nobody answered'} outside`)
  else if (probe === 'refused' && expected === 'dropped') notes.push('it was refused, though the trace says dropped')
  if (probe === 'refused' && isDelivered && !isOutside) {
    if (isTracked(flows, walk)) notes.push('the receiver refused it: nothing listens at that port')
    else notes.push('it was refused on its way, though the trace says delivered')
  }
  if (probe === 'silent' && expected === 'refused') notes.push('nothing came back, though the trace says refused')
  if (probe === 'silent' && isDelivered && !isOutside) {
    if (isUdp && isTracked(flows, walk)) notes.push('the receiver did not answer, which UDP allows')
    else notes.push('nothing came back, though the trace says delivered')
  }
  const isPossible =
    sentTo === undefined ||
    walks.some(({ destinationIp, destinationPort }) => destinationIp === sentTo.ip && destinationPort === sentTo.port)
  if (isDelivered && !isPossible && sentTo !== undefined)
    notes.push(`it was sent to ${joinAddress(sentTo.ip, sentTo.port)}, which the trace does not know`)
  const isSource = !isDelivered || seenFrom === undefined || walk === undefined || seenFrom === walk.sourceIp
  if (!isSource) notes.push(`the receiver saw ${seenFrom}, not ${walk.sourceIp}`)
  const isOutcome =
    (probe === 'answered' && isDelivered) ||
    (probe !== 'answered' && isOutside && (!isDelivered || isTracked(flows, walk))) ||
    (probe === 'refused' && (expected === 'refused' || (isDelivered && isTracked(flows, walk)))) ||
    (probe === 'silent' && (expected === 'dropped' || (isUdp && isDelivered && isTracked(flows, walk))))
  return { probe, flows, sentTo, seenFrom, agrees: isOutcome && isPossible && isSource, notes }
}

/** Whether the last node of the way has seen it. */
function isTracked(flows: readonly TrackedFlow[], walk: Walk | undefined): boolean {
  return walk !== undefined && flows.some(({ node }) => node === walk.hops.at(-1)?.node)
}

/** Whether the way ends outside: with somebody there, or by the wire with nobody. */
function hasLeft({ endedAt, outcome, hops }: Walk): boolean {
  return endedAt === 'outside' || (outcome === 'dropped' && hops.at(-1)?.route?.kind === 'wire')
}
