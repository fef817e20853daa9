/** From rows to questions, and from answers to complaints. Pure. */
import { addressesOf, type PacketService, servicePort } from './cluster.ts'
import { type IpFamily, ipOf, type Layout, machineOf } from './layout.ts'
import type { Outcome } from './prober.ts'
import type { Expected, ModeName, Row, Target } from './table.ts'

const families: readonly IpFamily[] = ['IPv4', 'IPv6']
/** Where every machine serves. */
const machinePort = 8080

/** One packet to send, and the row that it is for. */
export type Question = {
  readonly row: Row
  readonly family: IpFamily
  readonly from: string
  readonly ip: string
  readonly port: number
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
}
export type Cluster = { readonly layout: Layout; readonly services: readonly PacketService[] }

/** The packets that show whether the rows hold, as often as each row asks. */
export function questionsOf(rows: readonly Row[], cluster: Cluster): readonly Question[] {
  return rows.flatMap((row) =>
    (row.families ?? families).flatMap((family) => {
      const question: Question = {
        row,
        family,
        from: row.from,
        protocol: row.protocol ?? 'TCP',
        ...destinationOf(row.to, family, cluster),
      }
      return Array.from({ length: row.repeat?.times ?? 1 }, () => question)
    }),
  )
}

/** Address and port of a target. */
export function destinationOf(
  target: Target,
  family: IpFamily,
  { layout, services }: Cluster,
): { readonly ip: string; readonly port: number } {
  if (target.type === 'machine') return { ip: ipOf(layout, target.name, family), port: machinePort }
  const addresses = addressesOf(services, target.service)
  switch (target.type) {
    case 'clusterIP':
      return { ip: addresses.clusterIps[family], port: target.port ?? servicePort }
    case 'externalIP':
      return { ip: addresses.externalIps[family], port: target.port ?? servicePort }
    case 'loadBalancer':
      return { ip: addresses.loadBalancerIps[family], port: target.port ?? servicePort }
    case 'nodePort': {
      const loopback = family === 'IPv4' ? '127.0.0.1' : '::1'
      const ip = target.on === 'localhost' ? loopback : ipOf(layout, target.on, family)
      return { ip, port: addresses.nodePort }
    }
  }
}

/** What the mode should do with the packet. */
export function expectedOf({ expected, differs }: Row, mode: ModeName): Expected {
  return differs?.[mode]?.expected ?? expected
}

/** One line for every row that does not hold; `outcomes` in the order of `questions`. */
export function judge(
  questions: readonly Question[],
  outcomes: readonly Outcome[],
  mode: ModeName,
  cluster: Cluster,
): readonly string[] {
  const groups = new Map<string, { question: Question; outcomes: Outcome[] }>()
  for (const [index, question] of questions.entries()) {
    const outcome = outcomes[index] ?? { verdict: 'failed', error: 'no outcome' }
    const key = `${question.family} ${question.row.rule}`
    const known = groups.get(key)
    if (known === undefined) groups.set(key, { question, outcomes: [outcome] })
    else known.outcomes.push(outcome)
  }
  return [...groups].flatMap(([key, { question, outcomes: seen }]) => {
    const expected = expectedOf(question.row, mode)
    const wrong = seen.find((outcome) => !isExpected(outcome, expected, question, cluster))
    if (wrong !== undefined) return [`${key}: expected ${describe(expected)}, saw ${describe(wrong)}`]
    return complaintAboutShares(question.row, expected, seen).map((complaint) => `${key}: ${complaint}`)
  })
}

function isExpected(outcome: Outcome, expected: Expected, { family }: Question, { layout }: Cluster): boolean {
  if (outcome.verdict !== 'delivered' || expected.verdict !== 'delivered') return outcome.verdict === expected.verdict
  return expected.to.includes(outcome.by) && machineOf(layout, expected.source).ips[family].includes(outcome.source)
}

function complaintAboutShares({ repeat }: Row, expected: Expected, outcomes: readonly Outcome[]): readonly string[] {
  if (repeat === undefined || expected.verdict !== 'delivered') return []
  const seen = new Set(outcomes.map((outcome) => (outcome.verdict === 'delivered' ? outcome.by : '')))
  if (repeat.answers === 'same') return seen.size === 1 ? [] : [`several answered: ${[...seen].join(', ')}`]
  const silent = expected.to.filter((name) => !seen.has(name))
  return silent.length === 0 ? [] : [`never answered: ${silent.join(', ')}`]
}

function describe(outcome: Outcome | Expected): string {
  switch (outcome.verdict) {
    case 'delivered':
      return 'to' in outcome
        ? `${outcome.to.join(' or ')} to see ${outcome.source}`
        : `${outcome.by} that saw ${outcome.source}`
    case 'failed':
      return `error ${outcome.error}`
    case 'refused':
    case 'dropped':
      return outcome.verdict
  }
}
