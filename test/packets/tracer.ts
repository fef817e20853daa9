/** The table of packets through the tracer of `kubets trace`: by rendered rules, or by what was read from kernels. */
import type { Pod } from '../../api/core/v1.ts'
import { explore } from '../../kubets/trace/branches.ts'
import { type Sender, type Walk, walkPacket } from '../../kubets/trace/walk.ts'
import { type NodeFacts, worldOf } from '../../kubets/trace/world.ts'
import { clusterObjects } from './cluster.ts'
import { judge, type Question, questionsOf } from './judge.ts'
import { machineOf, machinesOf, podCidr } from './layout.ts'
import type { Outcome } from './prober.ts'
import { layout, type ModeName, rows, services } from './table.ts'

const cluster = { layout, services }
const serviceCidrs = ['10.96.0.0/12', 'fd00:10:96::/112']
const objects = {
  ...clusterObjects(layout, services),
  ...{ namespaces: [], policies: [], serviceCidrs },
  pods: layout.nodes.flatMap(({ pods }) =>
    pods.map(({ name, node, ips }) => ({
      metadata: { namespace: 'default', name, uid: name },
      spec: { nodeName: node, containers: [] },
      status: { phase: 'Running', podIPs: [{ ip: ips.IPv4[0] }, { ip: ips.IPv6[0] }] },
    })),
  ) as unknown as readonly Pod[],
}

function senderOf({ from, family }: Question): Sender {
  const machine = machineOf(layout, from)
  const ip = machine.ips[family][0] ?? ''
  if (machine.type === 'pod') return { type: 'pod', ip, node: machine.node }
  return machine.type === 'node' ? { type: 'node', node: from } : { type: 'outside', ip, node: machine.via }
}

function outcomeOf({ outcome, destinationIp, sourceIp, endedAt }: Walk, { family, from }: Question): Outcome {
  if (outcome !== 'delivered') return { verdict: outcome }
  const by = machinesOf(layout).find(({ ips }) => ips[family].includes(destinationIp))?.name ?? endedAt
  return { verdict: 'delivered', by: by === '' ? from : by, source: sourceIp } as Outcome
}

/** One line for every row that the tracer sees otherwise; nodes without `facts` are rendered. */
export function complaintsOfTracer(
  mode: ModeName,
  facts: ReadonlyMap<string, NodeFacts> = new Map(),
): readonly string[] {
  const inputs = { objects, modeOf: () => mode, clusterCidrs: [podCidr.IPv4, podCidr.IPv6], facts }
  const worlds = { IPv4: worldOf({ ...inputs, family: 'ip' }), IPv6: worldOf({ ...inputs, family: 'ip6' }) }
  const turns = new Map<string, number>()
  const questions = questionsOf(rows, cluster)
  const outcomes = questions.map((question) => {
    const { family, ip, port, row } = question
    const to = { ip, port, protocol: ({ TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const)[question.protocol] }
    const branches = explore((choose) => walkPacket(senderOf(question), to, worlds[family], choose), 100)
    // Repeated questions see every branch in turn, but those that are to be answered by one alone.
    const key = `${family} ${row.rule}`
    const turn = row.repeat?.answers === 'each' ? (turns.get(key) ?? 0) : 0
    turns.set(key, turn + 1)
    const walk = branches[turn % branches.length]?.outcome
    if (walk === undefined) throw new Error('no branch')
    return outcomeOf(walk, question)
  })
  return judge(questions, outcomes, mode, cluster)
}
