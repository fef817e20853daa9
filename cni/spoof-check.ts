/**
 * Lets a container send from its own hardware address alone (`macspoofchk` of bridge), in upstream's table and chains:
 *
 *   bridge nat PREROUTING ─(port)─▶ cni-br-iface-<container>-<device> ─▶ …-mac ─(own address)─▶ return, else drop
 *
 * Source: `pkg/link/spoofcheck.go` of containernetworking/plugins.
 */
import { deleteRules, listRules, nftApply } from './nft.ts'

/** The place of one container. */
export type SpoofCheck = { readonly containerId: string; readonly ifname: string }

const table = 'bridge nat'

function chainOf({ containerId, ifname }: SpoofCheck): string {
  return `cni-br-iface-${containerId}-${ifname}`
}

/** The script for a container whose port is `port`. Pure. */
export function planSpoofCheck(check: SpoofCheck, port: string, mac: string): string {
  const chain = chainOf(check)
  const comment = `comment "macspoofchk-${check.containerId}-${check.ifname}"`
  return [
    `add table ${table}`,
    `add chain ${table} PREROUTING { type filter hook prerouting priority dstnat; }`,
    ...[chain, `${chain}-mac`].flatMap((name) => [`add chain ${table} ${name}`, `flush chain ${table} ${name}`]),
    `add rule ${table} PREROUTING iifname "${port}" jump ${chain} ${comment}`,
    `add rule ${table} ${chain} jump ${chain}-mac ${comment}`,
    `add rule ${table} ${chain}-mac ether saddr ${mac} return ${comment}`,
    `add rule ${table} ${chain}-mac drop ${comment}`,
    '',
  ].join('\n')
}

/** Installs the check, in place of one that an earlier ADD left. */
export async function addSpoofCheck(check: SpoofCheck, port: string, mac: string, signal: AbortSignal): Promise<void> {
  await removeSpoofCheck(check, signal)
  await nftApply(planSpoofCheck(check, port, mac), signal)
}

/** Removes the check of one container; what is not there is no error. */
export async function removeSpoofCheck(check: SpoofCheck, signal: AbortSignal): Promise<void> {
  await removeSpoofChecks(({ comment }) => comment === `macspoofchk-${check.containerId}-${check.ifname}`, signal)
}

/** Removes the checks whose rule in PREROUTING is meant. */
export async function removeSpoofChecks(
  isMeant: (rule: { readonly comment: string }) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const gone = (await listRules(`${table} PREROUTING`, signal)).filter(
    ({ comment }) => comment.startsWith('macspoofchk-') && isMeant({ comment }),
  )
  if (gone.length === 0) return
  const chains = gone.map(({ comment }) => `cni-br-iface-${comment.slice('macspoofchk-'.length)}`)
  const script = [
    deleteRules(`${table} PREROUTING`, gone),
    ...chains.flatMap((chain) => [`flush chain ${table} ${chain}`, `flush chain ${table} ${chain}-mac`]),
    ...chains.flatMap((chain) => [`delete chain ${table} ${chain}`, `delete chain ${table} ${chain}-mac`]),
    '',
  ].join('\n')
  await nftApply(script, signal)
}
