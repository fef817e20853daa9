/** Opens host ports for a container: the last plugin of a list, after the one that gave it an address. */
import { writeFile } from 'node:fs/promises'
import { runTool } from './exec.ts'
import { chainName, type Family, familyOf, listNat, planRemoval, restoreNat } from './iptables.ts'
import { staleChains } from './masquerade.ts'
import { hasMappings, hostPortChain, mappingsOf, type PortMapping, parseMappings, planPortmap } from './portmap-plan.ts'
import {
  CniError,
  type NetworkConfig,
  type Plugin,
  parsePreviousResult,
  type Request,
  type Result,
  validAttachments,
} from './protocol.ts'

/** The portmap plugin. */
export const portmap: Plugin = { add, del, check, gc, status }

async function add(request: Request, signal: AbortSignal): Promise<Result> {
  const previous = previousOf(request)
  const mappings = parseMappings(request.config)
  if (mappings.length === 0) return previous
  if (previous.ips.length === 0) throw new CniError('internal', 'got no IPs')
  for (const family of ['ip', 'ip6'] as const) await forward(family, request, previous, mappings, signal)
  return previous
}

function previousOf({ config }: Request): Result {
  const previous = parsePreviousResult(config)
  if (previous === undefined) throw new CniError('invalidNetworkConfig', 'must be called as chained plugin')
  return previous
}

async function forward(
  family: Family,
  request: Request,
  previous: Result,
  mappings: readonly PortMapping[],
  signal: AbortSignal,
): Promise<void> {
  const ip = previous.ips.find(({ address }) => familyOf(address) === family)
  const wanted = mappingsOf(family, mappings)
  if (ip === undefined || wanted.length === 0) return
  const { config, containerId } = request
  const input = {
    family,
    chain: chainName('DN-', config.name, containerId),
    comment: `dnat name: "${config.name}" id: "${containerId}"`,
    address: ip.address,
    mappings: wanted,
    isMasqueraded: config['snat'] !== false,
    markBit: typeof config['markMasqBit'] === 'number' ? config['markMasqBit'] : 13,
  }
  await restoreNat(family, planPortmap(input, await listNat(family, signal)), signal)
  if (family === 'ip') await routeLocalhost(previous)
  await forgetUdp(wanted, signal)
}

/** Lets connections from 127.0.0.1 leave through the bridge; without it the kernel calls them martians. */
async function routeLocalhost({ interfaces }: Result): Promise<void> {
  const device = interfaces.find(({ sandbox }) => sandbox === undefined || sandbox === '')
  if (device === undefined) return
  await writeFile(`/proc/sys/net/ipv4/conf/${device.name}/route_localnet`, '1')
}

/** A UDP flow that was tracked before the rule existed would never meet it. */
async function forgetUdp(mappings: readonly PortMapping[], signal: AbortSignal): Promise<void> {
  const ports = mappings.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => hostPort)
  for (const port of new Set(ports)) {
    // conntrack exits with 1 when there was nothing to delete, and may not be installed.
    await runTool('conntrack', ['-D', '-p', 'udp', '--orig-port-dst', String(port)], {}, signal).catch(() => undefined)
  }
}

async function del(request: Request, signal: AbortSignal): Promise<void> {
  const { config, containerId } = request
  if (!hasMappings(config)) return
  const chain = chainName('DN-', config.name, containerId)
  for (const family of ['ip', 'ip6'] as const) {
    await restoreNat(family, planRemoval(await listNat(family, signal), [chain]), signal)
  }
  await forgetUdp(readableMappings(config), signal)
}

/** Mappings that ADD has refused made no rules: they must not keep a container from being removed. */
function readableMappings(config: NetworkConfig): readonly PortMapping[] {
  try {
    return parseMappings(config)
  } catch (error) {
    if (error instanceof CniError) return []
    throw error
  }
}

async function check(request: Request, signal: AbortSignal): Promise<void> {
  const previous = previousOf(request)
  const mappings = parseMappings(request.config)
  const chain = chainName('DN-', request.config.name, request.containerId)
  for (const family of new Set(previous.ips.map(({ address }) => familyOf(address)))) {
    if (mappingsOf(family, mappings).length === 0) continue
    const listing = await listNat(family, signal)
    const isThere = listing.some((line) => line.startsWith(`-A ${hostPortChain} `) && line.endsWith(` -j ${chain}`))
    if (!isThere) throw new CniError('internal', `could not check dnat: chain ${chain} is missing`)
  }
}

async function gc({ config }: Request, signal: AbortSignal): Promise<void> {
  const keep = new Set(validAttachments(config).map(({ containerId }) => chainName('DN-', config.name, containerId)))
  for (const family of ['ip', 'ip6'] as const) {
    const listing = await listNat(family, signal)
    await restoreNat(family, planRemoval(listing, staleChains(listing, hostPortChain, config.name, keep)), signal)
  }
}

async function status(_request: Request, signal: AbortSignal): Promise<void> {
  await listNat('ip', signal)
}
