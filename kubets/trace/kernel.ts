/** Reads rules, sets, virtual servers, routes and devices out of a node's kernel. */
import { ExecError } from '../../component-base/exec.ts'
import { NetlinkUnavailableError } from '../../component-base/netlink/message.ts'
import type { ModeName } from '../../kube-proxy/mode.ts'
import { type Ipsets, parseIpsets } from '../../netfilter/ipset.ts'
import type { Family } from '../../netfilter/iptables.ts'
import type { VirtualServers } from '../../netfilter/ipvs.ts'
import { createIpvs } from '../../netfilter/ipvs-kernel.ts'
import type { Inside } from './enter.ts'
import { parseNetwork, parseNftRuleset, parseSavedTables } from './kernel-text.ts'
import type { NodeRules } from './rules.ts'
import type { NodeFacts } from './world.ts'

/** What the node's kernel holds. A tool that is not there has nothing to say. */
export async function readNode(inside: Inside, signal: AbortSignal): Promise<NodeFacts> {
  const ask = async (...command: string[]) =>
    await inside.run(command, signal).catch((error: unknown) => {
      signal.throwIfAborted()
      if (error instanceof ExecError) return { stdout: '', stderr: error.stderr }
      throw error
    })
  const [addresses, routes4, routes6, bridgeCalls, saved, saved6, nft, sets, servers] = await Promise.all([
    ask('ip', '-j', '-d', 'addr'),
    ask('ip', '-j', 'route'),
    ask('ip', '-j', '-6', 'route'),
    ask('sysctl', '-n', 'net.bridge.bridge-nf-call-iptables'),
    ask('iptables-save'),
    ask('ip6tables-save'),
    ask('nft', 'list', 'ruleset'),
    ask('ipset', 'save'),
    readServers(inside, signal),
  ])
  const network = parseNetwork({
    addresses: addresses.stdout,
    routes4: routes4.stdout,
    routes6: routes6.stdout,
    bridgeCalls: bridgeCalls.stdout,
  })
  if (network.devices.length === 0) throw new Error(`ip: ${addresses.stderr.trim()}`)
  const tables = parseNftRuleset(nft.stdout, nft.stderr)
  const rulesOf = (family: Family, text: string): NodeRules => ({
    source: 'kernel',
    ...parseSavedTables(text),
    sets: setsOf(parseIpsets(sets.stdout)),
    nft: tables.filter((table) => table.family === family),
    servers,
  })
  return { network, rules: { ip: rulesOf('ip', saved.stdout), ip6: rulesOf('ip6', saved6.stdout) } }
}

/** Where the kernel cannot be asked, it has nothing to say. */
async function readServers({ namespace }: Inside, signal: AbortSignal): Promise<VirtualServers> {
  try {
    return (await createIpvs(namespace === undefined ? {} : { namespace }).list('all', signal)).servers
  } catch (error) {
    if (error instanceof NetlinkUnavailableError) return new Map()
    throw error
  }
}

function setsOf(sets: Ipsets): NodeRules['sets'] {
  return new Map([...sets].map(([name, { type, entries }]) => [name, { type, entries }]))
}

/** The proxy mode by what it leaves in the kernel; `undefined` without any Service rules. */
export function modeIn({ ip, ip6 }: NodeFacts['rules']): ModeName | undefined {
  for (const { tables, nft } of [ip, ip6]) {
    if (nft.some(({ name }) => name === 'kube-proxy')) return 'nftables'
    if (tables.get('filter')?.has('KUBE-IPVS-FILTER') === true) return 'ipvs'
    if (tables.get('nat')?.has('KUBE-SERVICES') === true) return 'iptables'
  }
  return undefined
}
