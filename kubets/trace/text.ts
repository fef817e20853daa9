/** The answer of a trace as text: a line for each hop, what happened there below it. Pure. */
import { joinAddress } from '../../netfilter/ipvs.ts'
import type { TraceStep } from '../../netfilter/trace.ts'
import type { PolicyVerdict } from './policy.ts'
import { type Candidate, type TraceResult, tellingSteps } from './result.ts'
import type { NodeHop } from './walk.ts'

/** How many of the other endpoints are named. */
const maxCandidates = 8
const maxNote = 70

/** `isVerbose`: every rule that held, as it stands in the kernel. */
export function formatTrace(result: TraceResult, isVerbose: boolean): string {
  const { from, to, hops } = result
  const lines = [
    `${named(from)} → ${to.label === to.ip ? '' : `${to.label} `}${joinAddress(to.ip, to.port)}/${to.protocol}    (${result.proxyMode}, ${sourceText(result)})`,
    '',
    ...(from.type === 'node' ? [] : [` 1  ${from.label}`]),
  ]
  let number = from.type === 'node' ? 1 : 2
  for (const hop of hops) {
    lines.push(`${numbered(number)}  ${hop.node}${arrival(hop, from.type, hop === hops[0])}`)
    lines.push(...detailsOf(hop, result, isVerbose).map((line) => `      ${line}`))
    number += 1
  }
  if (result.outcome === 'delivered' || result.receiver.label !== undefined) {
    const isEnd = result.outcome === 'delivered'
    if (isEnd) lines.push(`${numbered(number)}  ${receiverText(result)}, which sees ${result.receiver.sees}`)
  }
  if (result.back.length > 0) {
    lines.push(` ←  the answer: ${result.back.map(({ at, what }) => `${at} (${what})`).join(' → ')} → ${from.label}`)
  }
  lines.push('', verdictLine(result))
  for (const each of result.differences ?? []) lines.push(`kernel and rendered differ: ${each}`)
  if (result.differences?.length === 0) lines.push('kernel and rendered agree')
  lines.push(...liveLines(result))
  return `${lines.join('\n')}\n`
}

function named({ label, ip }: TraceResult['from']): string {
  return label.includes(ip) ? label : `${label} ${ip}`
}

function numbered(number: number): string {
  return String(number).padStart(2)
}

function sourceText({ source, differences }: TraceResult): string {
  if (differences !== undefined) return 'rules of the kernel, held against rendered ones'
  return source === 'kernel' ? 'rules of the kernel' : 'rules as rendered from the API'
}

function arrival({ inDevice }: NodeHop, type: TraceResult['from']['type'], isFirst: boolean): string {
  if (inDevice === undefined) return ''
  return isFirst && type === 'pod' ? `  by its veth on ${inDevice}` : `  by ${inDevice}`
}

function detailsOf(hop: NodeHop, result: TraceResult, isVerbose: boolean): readonly string[] {
  const { encapsulation, translatedTo, masqueradedAs, verdict, route, packet } = hop
  const steps = isVerbose ? hop.steps : tellingSteps(hop.steps)
  return [
    ...steps.map((step) => stepLine(step, isVerbose)),
    ...(translatedTo === undefined ? [] : endpointLines(translatedTo, result.candidates)),
    ...policyLines(hop.policies),
    ...(verdict === 'ACCEPT' ? [] : [verdict === 'REJECT' ? '✗ refused here' : '✗ dropped here']),
    ...(route === undefined ? [] : [routeLine(hop)]),
    ...(route === undefined || route.kind === 'local'
      ? []
      : [
          masqueradedAs === undefined
            ? `source ${packet.sourceIp} kept`
            : `source masqueraded: ${packet.sourceIp} → ${masqueradedAs}`,
        ]),
    ...(encapsulation === undefined
      ? []
      : [
          `flannel ${encapsulation.backend}: wrapped in ${encapsulation.protocol} ${encapsulation.from} → ${
            encapsulation.port === undefined ? encapsulation.to : joinAddress(encapsulation.to, encapsulation.port)
          }`,
        ]),
  ]
}

function stepLine({ table, chain, rule, verdict }: TraceStep, isVerbose: boolean): string {
  const note = /(?:--comment|comment) "([^"]*)"/.exec(rule)?.[1]
  const plain = rule.replace(/ ?-[jg] .*$/, '').trim()
  const what = isVerbose ? rule : note !== undefined ? `"${clip(note)}"` : plain
  return `${`${table} ${chain}`.padEnd(34)} ${what === '' ? '' : `${what} `}→ ${verdict.replace(/^(?:jump|goto) /, '')}`
}

/** Some notes are sentences. */
function clip(note: string): string {
  return note.length > maxNote ? `${note.slice(0, maxNote - 1)}…` : note
}

function endpointLines(
  to: { readonly ip: string; readonly port: number },
  candidates: readonly Candidate[],
): readonly string[] {
  const chosen = candidates.find(({ ip, port }) => ip === to.ip && port === to.port)
  if (chosen === undefined) return [`endpoint ${joinAddress(to.ip, to.port)}`]
  const others = candidates.filter((each) => each !== chosen)
  const shown = others.slice(0, maxCandidates).map(candidateText)
  const more = others.length > maxCandidates ? [`${others.length - maxCandidates} more`] : []
  return [
    `endpoint ${candidateText(chosen)}`,
    ...(others.length === 0 ? [] : [`     or ${[...shown, ...more].join(', ')}`]),
  ]
}

function candidateText({ ip, port, pod, node, probability }: Candidate): string {
  const who = [pod === undefined ? '' : `pod ${pod}`, node === undefined ? '' : `on ${node}`].filter(
    (part) => part !== '',
  )
  const percent = probability > 0.999 ? 'the only one' : `${Math.round(probability * 100)} %`
  return `${joinAddress(ip, port)} (${[...who, percent].join(', ')})`.replace(', on ', ' on ')
}

function policyLines(policies: readonly PolicyVerdict[]): readonly string[] {
  return policies.map((policy) => {
    if (policy.result === 'not selected') return `policy ${policy.direction}: no NetworkPolicy selects the pod`
    const names = policy.policies.length === 0 ? 'itself always' : policy.policies.join(', ')
    if (policy.result === 'allowed') return `policy ${policy.direction}: allowed by ${names}`
    return `policy ${policy.direction}: DENIED, isolated by ${names}, none of which allows it`
  })
}

function routeLine({ route }: NodeHop): string {
  if (route === undefined) return ''
  if (route.kind === 'local') return 'route: its own address'
  return `route ${route.to}${route.via === undefined ? '' : ` via ${route.via}`} dev ${route.device}`
}

function receiverText({ receiver, endedAt }: TraceResult): string {
  return (
    receiver.label ??
    (endedAt === 'outside'
      ? `${joinAddress(receiver.ip, receiver.port)} (outside)`
      : joinAddress(receiver.ip, receiver.port))
  )
}

/** The last word, in one line. */
export function verdictLine(result: TraceResult): string {
  const { outcome, endedAt, reason, receiver } = result
  if (outcome === 'delivered' && endedAt === 'outside') {
    return `delivered as far as the cluster goes: it leaves for ${joinAddress(receiver.ip, receiver.port)}`
  }
  if (outcome === 'delivered') {
    return `delivered to ${receiverText(result)} at ${joinAddress(receiver.ip, receiver.port)}${endedAt === '' || endedAt === 'outside' ? '' : ` on ${endedAt}`}`
  }
  return `${outcome} on ${endedAt}: ${reason}`
}

function liveLines({ live }: TraceResult): readonly string[] {
  if (live === undefined) return []
  const { probe, sentTo, seenFrom, agrees, notes } = live
  const where =
    sentTo === undefined ? '' : `, conntrack has it at ${joinAddress(sentTo.ip, sentTo.port)} from ${seenFrom ?? '?'}`
  const what = { answered: 'was answered', refused: 'was refused', silent: 'got no answer' }[probe]
  return [
    `live: the probe ${what}${where}: ${agrees ? 'agrees' : 'DISAGREES'}`,
    ...notes.map((note) => `      ${note}`),
  ]
}
