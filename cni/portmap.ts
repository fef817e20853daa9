/** Opens host ports for a container: the last plugin of a list, after the one that gave it an address. */
import { writeFile } from 'node:fs/promises'
import { runTool, ToolError } from './exec.ts'
import { chainName, type Family, listNat, planRemoval, restoreNat } from './iptables.ts'
import { staleChains } from './masquerade.ts'
import {
  addressesToMap,
  hasMappings,
  mappingsOf,
  type PortMapping,
  type PortmapConfig,
  parseMappings,
  parsePortmapConfig,
} from './portmap-config.ts'
import { checkNft, closeByNft, forwardByNft } from './portmap-nftables.ts'
import { hostPortChain, planPortmap } from './portmap-plan.ts'
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

const families = ['ip', 'ip6'] as const

async function add(request: Request, signal: AbortSignal): Promise<Result> {
  const config = parse(request.config)
  const previous = previousOf(request, 'must be called as chained plugin')
  if (config.mappings.length === 0) return previous
  const addresses = addressesToMap(request, previous)
  for (const family of families) {
    const address = addresses[family]?.address
    if (address === undefined) continue
    await forward(family, request, config, address, signal)
    await forgetUdp(family, config.mappings, signal)
  }
  if (addresses.ip !== undefined && config.snat) await routeLocalhost(previous)
  return previous
}

function parse(config: NetworkConfig): PortmapConfig {
  try {
    return parsePortmapConfig(config)
  } catch (error) {
    if (!(error instanceof CniError)) throw error
    throw new CniError('invalidNetworkConfig', `failed to parse config: ${error.message}`)
  }
}

function previousOf({ config }: Request, message: string): Result {
  const previous = parsePreviousResult(config)
  if (previous === undefined) throw new CniError('invalidNetworkConfig', message)
  return previous
}

async function forward(
  family: Family,
  request: Request,
  config: PortmapConfig,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const { name } = request.config
  const { containerId } = request
  const byNft = async (): Promise<void> =>
    await forwardByNft(family, config, address.split('/')[0] ?? '', containerId, signal)
  if (config.backend === 'nftables') return await byNft()
  const input = {
    ...config,
    family,
    chain: chainName('DN-', name, containerId),
    comment: `dnat name: "${name}" id: "${containerId}"`,
    address,
    mappings: mappingsOf(family, config.mappings),
    conditions: config.conditions[family],
  }
  try {
    await restoreNat(family, planPortmap(input, await listNat(family, signal)), signal)
  } catch (error) {
    if (config.backend !== undefined || !(error instanceof ToolError && error.isMissing)) throw error
    await byNft()
  }
}

/** Lets connections from 127.0.0.1 leave through the bridge; without it the kernel calls them martians. */
async function routeLocalhost({ interfaces }: Result): Promise<void> {
  const device = interfaces.find(({ sandbox }) => sandbox === undefined || sandbox === '')
  if (device === undefined) return
  await writeFile(`/proc/sys/net/ipv4/conf/${device.name}/route_localnet`, '1')
}

/** A UDP flow that was tracked before the rule existed would never meet it. */
async function forgetUdp(family: Family, mappings: readonly PortMapping[], signal: AbortSignal): Promise<void> {
  const ports = mappings.filter(({ protocol }) => protocol === 'udp').map(({ hostPort }) => hostPort)
  const which = ['-f', family === 'ip6' ? 'ipv6' : 'ipv4']
  for (const port of new Set(ports)) {
    // conntrack exits with 1 when there was nothing to delete, and may not be installed.
    const args = ['-D', ...which, '-p', 'udp', '--orig-port-dst', String(port)]
    await runTool('conntrack', args, {}, signal).catch(() => undefined)
  }
}

async function del(request: Request, signal: AbortSignal): Promise<void> {
  const { config, containerId } = request
  if (!hasMappings(config)) return
  const chain = chainName('DN-', config.name, containerId)
  await removeChains((listing) => planRemoval(listing, [chain]), signal)
  await closeByNft(containerId, signal)
  for (const family of families) await forgetUdp(family, readableMappings(config), signal)
}

async function removeChains(
  plan: (listing: readonly string[]) => readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const family of families) {
    try {
      await restoreNat(family, plan(await listNat(family, signal)), signal)
    } catch (error) {
      // Where there is no iptables there are no rules of it.
      if (!(error instanceof ToolError && error.isMissing)) throw error
    }
  }
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
  const config = parsePortmapConfig(request.config)
  const addresses = addressesToMap(request, previousOf(request, 'Required prevResult missing'))
  const chain = chainName('DN-', request.config.name, request.containerId)
  for (const family of families) {
    const address = addresses[family]?.address.split('/')[0]
    if (address === undefined || mappingsOf(family, config.mappings).length === 0) continue
    if (config.backend === 'nftables') await checkNft(family, config, address, request.containerId, signal)
    else await checkChain(family, chain, signal)
  }
}

async function checkChain(family: Family, chain: string, signal: AbortSignal): Promise<void> {
  const listing = await listNat(family, signal)
  const isThere = listing.some((line) => line.startsWith(`-A ${hostPortChain} `) && line.endsWith(` -j ${chain}`))
  if (isThere) return
  const which = family === 'ip6' ? 'ipv6' : 'ipv4'
  throw new CniError('internal', `could not check ${which} dnat: chain ${chain} not found in iptables table nat`)
}

/** Rules of nftables name their container but not their network, as upstream's: of those, only DEL knows which are whose. */
async function gc({ config }: Request, signal: AbortSignal): Promise<void> {
  const valid = validAttachments(config)
  const keep = new Set(valid.map(({ containerId }) => chainName('DN-', config.name, containerId)))
  await removeChains((listing) => planRemoval(listing, staleChains(listing, hostPortChain, config.name, keep)), signal)
}

/** Ready where one of the two programs is there. */
async function status(_request: Request, signal: AbortSignal): Promise<void> {
  try {
    await listNat('ip', signal)
  } catch (error) {
    if (!(error instanceof ToolError && error.isMissing)) throw error
    await runTool('nft', ['--version'], {}, signal).catch(() => {
      throw new CniError('pluginNotAvailable', 'neither iptables nor nft is there')
    })
  }
}
