/** Hides a container's address behind the host's when it talks to the world (`ipMasq` of bridge). */
import { formatSubnet, parseSubnet } from '../component-base/ip-address.ts'
import { ToolError } from './exec.ts'
import { chainName, type Family, familyOf, listNat, planRemoval, quoteComment, restoreNat } from './iptables.ts'
import { masqueradeByNft, removeNftMasquerade, removeStaleNftMasquerade } from './masquerade-nftables.ts'
import { type IpConfig, type Request, validAttachments } from './protocol.ts'

type Masqueraded = Request & { readonly ips: readonly IpConfig[] }

/** Rules for one family of one container; the listing tells whether the jump is there already. */
export function planMasquerade(family: Family, request: Masqueraded, listing: readonly string[]): readonly string[] {
  const chain = chainName('', request.config.name, request.containerId)
  const ips = request.ips.filter(({ address }) => familyOf(address) === family)
  if (ips.length === 0) return []
  const multicast = family === 'ip' ? '224.0.0.0/4' : 'ff00::/8'
  const comment = quoteComment(commentOf(request))
  const networks = ips.map(({ address }) => parseSubnet(address)).filter((subnet) => subnet !== undefined)
  return [
    ...planRemoval(listing, [chain]).filter((line) => line.startsWith('-D ')),
    `:${chain} - [0:0]`,
    ...networks.map((subnet) => `-A ${chain} -d ${formatSubnet(subnet)} -m comment --comment ${comment} -j ACCEPT`),
    `-A ${chain} ! -d ${multicast} -m comment --comment ${comment} -j MASQUERADE`,
    ...ips.map(({ address }) => {
      return `-A POSTROUTING -s ${address.split('/')[0]} -m comment --comment ${comment} -j ${chain}`
    }),
  ]
}

function commentOf({ config, containerId }: Request): string {
  return `name: "${config.name}" id: "${containerId}"`
}

/** Installs the rules of one container; without a wish by iptables, or by nftables where there is no iptables. */
export async function masquerade(
  request: Masqueraded,
  backend: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (backend === 'nftables') return await masqueradeByNft(request, request.ips, signal)
  try {
    for (const family of new Set(request.ips.map(({ address }) => familyOf(address)))) {
      await restoreNat(family, planMasquerade(family, request, await listNat(family, signal)), signal)
    }
  } catch (error) {
    if (backend !== undefined || !(error instanceof ToolError && error.isMissing)) throw error
    await masqueradeByNft(request, request.ips, signal)
  }
}

/** Removes the rules of one container, whichever backend made them. */
export async function removeMasquerade(request: Request, signal: AbortSignal): Promise<void> {
  const chain = chainName('', request.config.name, request.containerId)
  await removeChains((listing) => planRemoval(listing, [chain]), signal)
  await removeNftMasquerade(request, signal)
}

/** Removes the rules of this network's containers that are gone. */
export async function removeStaleMasquerade(request: Request, signal: AbortSignal): Promise<void> {
  const { config } = request
  const keep = new Set(validAttachments(config).map(({ containerId }) => chainName('', config.name, containerId)))
  await removeChains((listing) => planRemoval(listing, staleChains(listing, 'POSTROUTING', config.name, keep)), signal)
  await removeStaleNftMasquerade(request, signal)
}

async function removeChains(
  plan: (listing: readonly string[]) => readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const family of ['ip', 'ip6'] as const) {
    try {
      await restoreNat(family, plan(await listNat(family, signal)), signal)
    } catch (error) {
      // Where there is no iptables there are no rules of it.
      if (!(error instanceof ToolError && error.isMissing)) throw error
    }
  }
}

/** Chains of a network that `from` jumps to and that no living container owns. */
export function staleChains(
  listing: readonly string[],
  from: string,
  network: string,
  keep: ReadonlySet<string>,
): readonly string[] {
  const ours = listing.filter((line) => line.startsWith(`-A ${from} `) && line.includes(`name: \\"${network}\\" id: `))
  const targets = ours.map((line) => / -j (CNI-\S+)$/.exec(line)?.[1]).filter((chain) => chain !== undefined)
  return [...new Set(targets)].filter((chain) => !keep.has(chain))
}
