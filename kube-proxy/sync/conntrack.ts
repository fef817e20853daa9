/**
 * UDP has no end of connection: while a client keeps sending, the kernel goes on translating to the endpoint of its first
 * packet, dead or not. Entries that no longer lead to an endpoint of their Service are deleted, and so are those of a
 * Service or node port that is gone. As upstream, an endpoint counts for as long as it serves, whatever traffic policies
 * say: changes of a Service leave flows alone, as they leave TCP connections alone.
 */
import { ExecError, run } from '../../component-base/exec.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { PlannedPort } from '../plan/planner.ts'
import { addressOf } from '../state/endpoints.ts'

/** One entry of the connection table: what the client sent, and where replies come from. */
export type ConntrackFlow = {
  readonly sourceIp: string
  readonly sourcePort: number
  readonly destinationIp: string
  readonly destinationPort: number
  readonly replySourceIp: string
  readonly replySourcePort: number
}

/** Reads the listing of `conntrack -L`. */
export function parseFlows(text: string): readonly ConntrackFlow[] {
  return text.split('\n').flatMap((line) => {
    const values = (name: string) => [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map(([, value]) => value)
    const [sourceIp, replySourceIp] = values('src')
    const [destinationIp] = values('dst')
    const [sourcePort, replySourcePort] = values('sport')
    const [destinationPort] = values('dport')
    if (sourceIp === undefined || destinationIp === undefined || replySourceIp === undefined) return []
    return [
      {
        ...{ sourceIp, destinationIp, replySourceIp },
        sourcePort: Number(sourcePort ?? 0),
        destinationPort: Number(destinationPort ?? 0),
        replySourcePort: Number(replySourcePort ?? 0),
      },
    ]
  })
}

/** Where UDP clients come in (`ip port`, or `* port` for node ports), and the endpoints behind (`ip:port`). */
export type UdpFrontends = ReadonlyMap<string, ReadonlySet<string>>

/** The frontends of all UDP Services. */
export function udpFrontendsOf(ports: readonly PlannedPort[]): UdpFrontends {
  const frontends = new Map<string, ReadonlySet<string>>()
  for (const { port, serving } of ports) {
    if (port.protocol !== 'udp') continue
    const endpoints = new Set(serving.map(addressOf))
    for (const ip of [port.clusterIp, ...port.externalIps, ...port.loadBalancerIps]) {
      frontends.set(`${ip} ${port.port}`, endpoints)
    }
    if (port.nodePort !== 0) frontends.set(`* ${port.nodePort}`, endpoints)
  }
  return frontends
}

/** These frontends, and with nobody behind them those that were there before. */
export function withGone(frontends: UdpFrontends, before: UdpFrontends): UdpFrontends {
  const gone = [...before.keys()].filter((key) => !frontends.has(key))
  return new Map([...frontends, ...gone.map((key) => [key, new Set<string>()] as const)])
}

/** Flows to a frontend whose replies come from none of its endpoints. */
export function staleFlows(
  flows: readonly ConntrackFlow[],
  frontends: UdpFrontends,
  nodeIps: ReadonlySet<string>,
): readonly ConntrackFlow[] {
  return flows.filter(({ destinationIp, destinationPort, replySourceIp, replySourcePort }) => {
    const endpoints =
      frontends.get(`${destinationIp} ${destinationPort}`) ??
      (nodeIps.has(destinationIp) ? frontends.get(`* ${destinationPort}`) : undefined)
    return endpoints !== undefined && !endpoints.has(addressOf({ ip: replySourceIp, port: replySourcePort }))
  })
}

/** A text that changes when some flow may have become stale. */
export function fingerprintOf(frontends: UdpFrontends): string {
  return [...frontends].map(([key, endpoints]) => `${key} ${[...endpoints].join(',')}`).join('\n')
}

/** Lists UDP flows and deletes the stale ones. Returns how many. */
export async function cleanUpFlows(
  family: Family,
  frontends: UdpFrontends,
  nodeIps: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<number> {
  const familyName = family === 'ip' ? 'ipv4' : 'ipv6'
  const { stdout } = await run('conntrack', ['-L', '-p', 'udp', '-f', familyName], { signal })
  const stale = staleFlows(parseFlows(stdout), frontends, nodeIps)
  for (const flow of stale) await deleteFlow(flow, familyName, signal)
  return stale.length
}

async function deleteFlow(flow: ConntrackFlow, familyName: string, signal: AbortSignal): Promise<void> {
  const tuple = ['--orig-src', flow.sourceIp, '--orig-dst', flow.destinationIp]
  const ports = ['--sport', String(flow.sourcePort), '--dport', String(flow.destinationPort)]
  try {
    await run('conntrack', ['-D', '-p', 'udp', '-f', familyName, ...tuple, ...ports], { signal })
  } catch (error) {
    // Exit code 1: the entry has gone by itself.
    if (!(error instanceof ExecError && error.exitCode === 1)) throw error
  }
}
