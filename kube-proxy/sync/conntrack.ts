/**
 * UDP has no end of connection: while a client keeps sending, the kernel goes on translating to the endpoint of its first
 * packet, dead or not. Entries that no longer lead to an endpoint of their Service are deleted.
 */
import { ExecError, run } from '../../component-base/exec.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { PlannedPort } from '../plan/planner.ts'

/** One entry of the connection table: what the client sent, and where replies come from. */
export type ConntrackFlow = {
  readonly sourceIp: string
  readonly sourcePort: number
  readonly destinationIp: string
  readonly destinationPort: number
  readonly replySourceIp: string
}

/** Reads the listing of `conntrack -L`. */
export function parseFlows(text: string): readonly ConntrackFlow[] {
  return text.split('\n').flatMap((line) => {
    const values = (name: string) => [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map(([, value]) => value)
    const [sourceIp, replySourceIp] = values('src')
    const [destinationIp] = values('dst')
    const [sourcePort] = values('sport')
    const [destinationPort] = values('dport')
    if (sourceIp === undefined || destinationIp === undefined || replySourceIp === undefined) return []
    return [
      {
        sourceIp,
        destinationIp,
        replySourceIp,
        sourcePort: Number(sourcePort ?? 0),
        destinationPort: Number(destinationPort ?? 0),
      },
    ]
  })
}

/** Flows to an address of a UDP Service whose replies come from none of its endpoints. */
export function staleFlows(
  flows: readonly ConntrackFlow[],
  ports: readonly PlannedPort[],
  nodeIps: ReadonlySet<string>,
): readonly ConntrackFlow[] {
  const services = new Map<string, ReadonlySet<string>>()
  const nodePorts = new Map<number, ReadonlySet<string>>()
  for (const {
    port,
    endpoints: { reachable },
  } of ports) {
    // Without endpoints packets are refused before they are translated; old entries must not keep a dead path alive.
    if (port.protocol !== 'udp') continue
    const ips = new Set(reachable.map(({ ip }) => ip))
    for (const ip of [port.clusterIp, ...port.externalIps, ...port.loadBalancerIps])
      services.set(`${ip} ${port.port}`, ips)
    if (port.nodePort !== 0) nodePorts.set(port.nodePort, ips)
  }
  return flows.filter(({ destinationIp, destinationPort, replySourceIp }) => {
    const ips =
      services.get(`${destinationIp} ${destinationPort}`) ??
      (nodeIps.has(destinationIp) ? nodePorts.get(destinationPort) : undefined)
    return ips !== undefined && !ips.has(replySourceIp)
  })
}

/** A text that changes when some UDP Service may have stale flows. */
export function udpFingerprint(ports: readonly PlannedPort[]): string {
  return ports
    .filter(({ port }) => port.protocol === 'udp')
    .map(
      ({ port, endpoints: { reachable } }) =>
        `${port.id} ${port.clusterIp} ${port.nodePort} ${reachable.map(({ ip }) => ip).join(',')}`,
    )
    .join('\n')
}

/** Lists UDP flows and deletes the stale ones. Returns how many. */
export async function cleanUpFlows(
  family: Family,
  ports: readonly PlannedPort[],
  nodeIps: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<number> {
  const familyName = family === 'ip' ? 'ipv4' : 'ipv6'
  const { stdout } = await run('conntrack', ['-L', '-p', 'udp', '-f', familyName], { signal })
  const stale = staleFlows(parseFlows(stdout), ports, nodeIps)
  for (const flow of stale) await deleteFlow(flow, signal)
  return stale.length
}

async function deleteFlow(flow: ConntrackFlow, signal: AbortSignal): Promise<void> {
  const tuple = ['--orig-src', flow.sourceIp, '--orig-dst', flow.destinationIp]
  const ports = ['--sport', String(flow.sourcePort), '--dport', String(flow.destinationPort)]
  try {
    await run('conntrack', ['-D', '-p', 'udp', ...tuple, ...ports], { signal })
  } catch (error) {
    // Exit code 1: the entry has gone by itself.
    if (!(error instanceof ExecError && error.exitCode === 1)) throw error
  }
}
