/** Sends one real packet from where the trace begins, and asks conntrack of every node where it went. Leaves nothing behind. */

import { randomInt } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../component-base/clock.ts'
import { ExecError } from '../../component-base/exec.ts'
import { enterNode, enterPod, here, type Inside } from './enter.ts'
import { judgeLive, type LiveResult, type ProbeOutcome, parseFlows, type TrackedFlow } from './live-judge.ts'
import type { Traced } from './result.ts'
import { type Destination, TargetError } from './target.ts'
import type { Sender } from './walk.ts'

export type LiveInputs = {
  readonly sender: Sender
  readonly to: Destination
  readonly traced: Traced
  /** Nodes that this machine can enter. */
  readonly nodes: readonly string[]
  /** `sctp-probe.worker.ts`, bundled. */
  readonly sctpProbe: string
}

/** Where the build puts it: beside the program. */
export const builtSctpProbe = fileURLToPath(new URL('./sctp-probe.worker.mjs', import.meta.url))

/** TCP asks again after one second. */
const patienceMs = 2_500

/** Sends the probe and judges what became of it. Rejects with `TargetError` where it cannot be sent. */
export async function probeLive(
  { sender, to, traced, nodes, sctpProbe }: LiveInputs,
  clock: Clock,
  signal: AbortSignal,
): Promise<LiveResult> {
  const inside = await senderInside(sender, signal)
  const { outcome, port } = await sendProbe(inside, to, sctpProbe, signal)
  // Let the last packet reach the last node.
  await clock.sleep(50, signal)
  const sourceIp = traced.walk.hops[0]?.packet.sourceIp
  const flows = await findFlows({ sourceIp, port }, to, traced, nodes, signal)
  return judgeLive(outcome, flows, traced.walks, to.protocol === 'udp')
}

async function senderInside(sender: Sender, signal: AbortSignal): Promise<Inside> {
  if (sender.type === 'outside') {
    const { stdout } = await here.run(['ip', '-o', 'addr'], signal)
    if (stdout.includes(` ${sender.ip}/`)) return here
    throw new TargetError(`--live cannot send from ${sender.ip}: it is not an address of this machine`)
  }
  const inside = sender.type === 'node' ? await enterNode(sender.node) : await enterPod(sender.node, sender.ip, signal)
  if (inside !== undefined) return inside
  const who = sender.type === 'node' ? `node ${sender.node}` : `the pod on ${sender.node}`
  throw new TargetError(`--live cannot send from ${who}: this machine cannot enter its network namespace`)
}

type Sent = { readonly outcome: ProbeOutcome; readonly port: number }

/** Source ports below those of the kernel's own choice and of node ports, so that the flow is told from all others. */
const [firstPort, lastPort] = [20_000, 29_999]
const maxAttempts = 5

/** Sends it from somewhere, and says what came back. */
export async function sendProbe(
  inside: Inside,
  to: Pick<Destination, 'protocol' | 'ip' | 'port'>,
  sctpProbe: string,
  signal: AbortSignal,
): Promise<Sent> {
  const program = { tcp: ['-e', tcpProbe], udp: ['-e', udpProbe], sctp: [sctpProbe] }[to.protocol]
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const port = randomInt(firstPort, lastPort + 1)
    const command = [process.execPath, ...program, to.ip, String(to.port), String(patienceMs), String(port)]
    const outcome = (await inside.run(command, signal)).stdout.trim()
    if (outcome === 'answered' || outcome === 'refused' || outcome === 'silent') return { outcome, port }
    if (outcome !== 'taken') throw new Error(`probe: ${outcome}`)
  }
  throw new Error('probe: no free source port')
}

/** What errors mean; an ICMP message is an answer of somebody on the way. */
const meaning = `
const [ip, port, ms, localPort] = process.argv.slice(1)
const meaningOf = ({ code }) =>
  code === 'EADDRINUSE' ? 'taken'
  : code === 'ETIMEDOUT' ? 'silent'
  : ['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'EACCES', 'EPERM'].includes(code) ? 'refused'
  : code
const end = (outcome) => { console.log(outcome); process.exit() }
setTimeout(() => end('silent'), Number(ms))
`

/** Connects, and ends the connection. */
const tcpProbe = `${meaning}
const socket = require('net').connect({ host: ip, port: Number(port), localPort: Number(localPort) })
socket.on('connect', () => { socket.destroy(); end('answered') })
socket.on('error', (error) => end(meaningOf(error)))
`

/** One datagram: to port 53 a question for the root's servers, which every DNS server answers somehow. */
const udpProbe = `${meaning}
const socket = require('dgram').createSocket(ip.includes(':') ? 'udp6' : 'udp4')
const dns = Buffer.from('4b54010000010000000000000000020001', 'hex')
socket.on('message', () => end('answered'))
socket.on('error', (error) => end(meaningOf(error)))
socket.bind(Number(localPort), () => socket.connect(Number(port), ip, () =>
  socket.send(port === '53' ? dns : Buffer.from('kubets trace'), (error) => { if (error) end(meaningOf(error)) })))
`

/** The connection in conntrack of every node, in the order of the traced way, then of the others. */
async function findFlows(
  from: { readonly sourceIp: string | undefined; readonly port: number },
  { protocol, ip, port }: Destination,
  { walks }: Traced,
  nodes: readonly string[],
  signal: AbortSignal,
): Promise<readonly TrackedFlow[]> {
  const all = (await Promise.all(nodes.map(async (node) => await flowsOn(node, protocol, signal)))).flat()
  const first = all.filter(
    ({ original }) =>
      original.sourcePort === from.port &&
      original.sourceIp === from.sourceIp &&
      original.destinationIp === ip &&
      original.destinationPort === port,
  )
  // On the next node the connection is what the first one has made of it.
  const chain: TrackedFlow[] = []
  let current = first.find(({ reply, original }) => reply.sourceIp !== original.destinationIp) ?? first[0]
  while (current !== undefined && !chain.includes(current)) {
    chain.push(current)
    const { reply, node }: TrackedFlow = current
    current = all.find(
      (flow) =>
        flow.node !== node &&
        !chain.includes(flow) &&
        flow.original.destinationIp === reply.sourceIp &&
        flow.original.destinationPort === reply.sourcePort &&
        flow.original.sourceIp === reply.destinationIp &&
        flow.original.sourcePort === reply.destinationPort,
    )
  }
  const isOnWay = ({ node }: TrackedFlow) => walks.some(({ hops }) => hops.some((hop) => hop.node === node))
  return chain.filter(isOnWay)
}

async function flowsOn(node: string, protocol: string, signal: AbortSignal): Promise<readonly TrackedFlow[]> {
  const inside = await enterNode(node)
  if (inside === undefined) return []
  try {
    return parseFlows((await inside.run(['conntrack', '-L', '-p', protocol], signal)).stdout, node)
  } catch (error) {
    signal.throwIfAborted()
    // Without the tool only the probe's own outcome is known.
    if (error instanceof ExecError) return []
    throw error
  }
}
