/**
 * `ipMasq` of bridge with nftables, in upstream's table and chains: one rule for each address, found again by its comment.
 * Source: `pkg/ip/ipmasq_nftables_linux.go` of containernetworking/plugins.
 */
import { createHash } from 'node:crypto'
import { formatSubnet, parseSubnet } from '../component-base/ip-address.ts'
import { type CommentedRule, deleteRules, listRules, nftApply } from './nft.ts'
import { type IpConfig, type Request, validAttachments } from './protocol.ts'

const table = 'inet cni_plugins_masquerade'
const chain = `${table} masq_checks`
const maxCommentBytes = 128

type Owner = { readonly network: string; readonly containerId: string; readonly ifname: string }

function hash(text: string): string {
  return createHash('sha512').update(text).digest('hex').slice(0, 16)
}

/** The beginning of a rule's comment: its network's mark and its own. */
function markOf({ network, containerId, ifname }: Owner): string {
  return `${hash(network)}-${hash(`${ifname}:${containerId}`)}`
}

function commentOf(owner: Owner): string {
  const [network, ifname, id] = [owner.network, owner.ifname, owner.containerId].map((text) => text.replaceAll('"', ''))
  return `${markOf(owner)}, net: ${network}, if: ${ifname}, id: ${id}`.slice(0, maxCommentBytes)
}

/** The script for one container, given its rules from before. Pure. */
export function planNftMasquerade(owner: Owner, ips: readonly IpConfig[], stale: readonly CommentedRule[]): string {
  return [
    `add table ${table} { comment "Masquerading for plugins from github.com/containernetworking/plugins"; }`,
    `add chain ${chain} { comment "Masquerade traffic from certain IPs to any (non-multicast) IP outside their subnet"; }`,
    `add chain ${table} postrouting { type nat hook postrouting priority srcnat; }`,
    `flush chain ${table} postrouting`,
    `add rule ${table} postrouting ip daddr 224.0.0.0/4 return`,
    `add rule ${table} postrouting ip6 daddr ff00::/8 return`,
    `add rule ${table} postrouting goto masq_checks`,
    deleteRules(chain, stale),
    ...ips.map(({ address }) => planRule(owner, address)),
    '',
  ].join('\n')
}

function planRule(owner: Owner, address: string): string {
  const family = address.includes(':') ? 'ip6' : 'ip'
  const subnet = parseSubnet(address)
  const outside = subnet === undefined ? '' : ` ${family} daddr != ${formatSubnet(subnet)}`
  return `add rule ${chain} ${family} saddr ${address.split('/')[0]}${outside} masquerade comment "${commentOf(owner)}"`
}

function ownerOf({ config, containerId, ifname }: Request): Owner {
  return { network: config.name, containerId, ifname }
}

/** Installs the rules of one container. */
export async function masqueradeByNft(request: Request, ips: readonly IpConfig[], signal: AbortSignal): Promise<void> {
  const owner = ownerOf(request)
  const stale = (await listRules(chain, signal)).filter(({ comment }) => comment.startsWith(markOf(owner)))
  await nftApply(planNftMasquerade(owner, ips, stale), signal)
}

/** Removes the rules of one container. */
export async function removeNftMasquerade(request: Request, signal: AbortSignal): Promise<void> {
  const mark = markOf(ownerOf(request))
  await removeRules(({ comment }) => comment.startsWith(mark), signal)
}

/** Removes the rules of this network's containers that are gone. */
export async function removeStaleNftMasquerade({ config }: Request, signal: AbortSignal): Promise<void> {
  const keep = new Set(validAttachments(config).map((valid) => commentOf({ network: config.name, ...valid })))
  await removeRules(({ comment }) => comment.startsWith(`${hash(config.name)}-`) && !keep.has(comment), signal)
}

async function removeRules(isMeant: (rule: CommentedRule) => boolean, signal: AbortSignal): Promise<void> {
  const gone = (await listRules(chain, signal)).filter(isMeant)
  if (gone.length > 0) await nftApply(`${deleteRules(chain, gone)}\n`, signal)
}
