/**
 * IPVS as a stop on a packet's way: what reaches the address of a virtual server goes to one of its real servers, from INPUT, or from OUTPUT
 * when it was sent here. Without real servers it is refused. Source: net/netfilter/ipvs/ip_vs_core.c, ip_vs_ops and ip_vs_leave.
 */
import { ipOfAddress, joinAddress, keyOf, type VirtualServers } from './ipvs.ts'
import type { Choose } from './trace.ts'
import type { BaseChain, ChainVerdict, Flow } from './trace-path.ts'

export type IpvsTraceOptions = { readonly servers: VirtualServers; readonly choose?: Choose }

/** Before source translation at INPUT, after destination translation at OUTPUT. */
const priorities = { input: 98, output: -99 } as const

/** Where the kernel asks IPVS. */
export function ipvsChains(options: IpvsTraceOptions): readonly BaseChain[] {
  const walk = (flow: Flow) => balance(options, flow)
  return (['input', 'output'] as const).map((hook) => ({ hook, priority: priorities[hook], isNat: false, walk }))
}

function balance({ servers, choose }: IpvsTraceOptions, flow: Flow): ChainVerdict {
  const { protocol } = flow.packet
  if (flow.virtual !== undefined || (protocol !== 'tcp' && protocol !== 'udp' && protocol !== 'sctp')) return undefined
  const [ip, port] = [flow.destinationIp, flow.destinationPort]
  const server = servers.get(keyOf({ protocol, address: joinAddress(ip, port) }))
  if (server === undefined) return undefined
  const { scheduler, address, realServers } = server
  const rule = `${keyOf({ protocol, address })} -s ${scheduler}`
  const note = (verdict: string) => {
    flow.path.push('ipvs/virtual-server')
    flow.steps.push({ hook: flow.hook, table: 'ipvs', chain: 'virtual-server', rule, verdict })
  }
  const usable = [...realServers].filter(([, weight]) => weight > 0)
  const total = usable.reduce((sum, [, weight]) => sum + weight, 0)
  const chosen = usable[usable.length < 2 ? 0 : (choose?.(usable.map(([, weight]) => weight / total)) ?? 0)]?.[0]
  if (chosen === undefined) {
    note('REJECT')
    return 'REJECT'
  }
  note(`real server ${chosen}`)
  flow.virtual = { ip, port }
  flow.destinationIp = ipOfAddress(chosen)
  flow.destinationPort = Number(chosen.slice(chosen.lastIndexOf(':') + 1))
  flow.isTranslated = true
  return 'SENT'
}
