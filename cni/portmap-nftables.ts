/**
 * Host ports with nftables, in upstream's table and chains: one rule for each mapping, found again by its comment, which is the
 * container's id. Source: `portmap_nftables.go` of containernetworking/plugins.
 */
import type { Family } from './iptables.ts'
import { type CommentedRule, deleteRules, listRules, nftApply } from './nft.ts'
import { isForAny, mappingsOf, type PortmapConfig } from './portmap-config.ts'
import { CniError } from './protocol.ts'

const tableName = 'cni_hostport'
const ruleChains = ['hostports', 'hostip_hostports', 'masquerading'] as const

function tableOf(family: Family): string {
  return `${family} ${tableName}`
}

/** The rules of one container, by chain. Pure. */
function rulesOf(
  family: Family,
  { mappings, snat, masqAll }: PortmapConfig,
  address: string,
): Readonly<Record<'hostports' | 'masquerading', readonly string[]>> {
  const to = (port: number): string => (family === 'ip6' ? `[${address}]:${port}` : `${address}:${port}`)
  const sources = masqAll
    ? [family === 'ip6' ? '::/0' : '0.0.0.0/0']
    : [address, ...(family === 'ip' ? ['127.0.0.1'] : [])]
  return {
    hostports: mappingsOf(family, mappings).map((mapping) => {
      const host = isForAny(mapping) ? '' : `${family} daddr ${mapping.hostIp} `
      return `${host}${mapping.protocol} dport ${mapping.hostPort} dnat to ${to(mapping.containerPort)}`
    }),
    masquerading: snat
      ? sources.map((source) => `${family} saddr ${source} ${family} daddr ${address} masquerade`)
      : [],
  }
}

/** The script for one container. Pure. */
export function planNftPortmap(family: Family, config: PortmapConfig, address: string, containerId: string): string {
  const table = tableOf(family)
  const rules = rulesOf(family, config, address)
  const conditions = config.conditions[family].map((word) => `${word} `).join('')
  const entry = (name: string, hook: string): readonly string[] => [
    `add chain ${table} ${name} { type nat hook ${hook} priority ${hook === 'output' ? '-100' : 'dstnat'}; }`,
    `flush chain ${table} ${name}`,
    `add rule ${table} ${name} ${conditions}fib daddr type local jump hostports_all`,
  ]
  return [
    `add table ${table} { comment "CNI portmap plugin"; }`,
    ...['hostports', 'hostip_hostports', 'hostports_all'].map((chain) => `add chain ${table} ${chain}`),
    `flush chain ${table} hostports_all`,
    `add rule ${table} hostports_all jump hostip_hostports`,
    `add rule ${table} hostports_all jump hostports`,
    ...entry('prerouting', 'prerouting'),
    ...entry('output', 'output'),
    ...(config.snat ? [`add chain ${table} masquerading { type nat hook postrouting priority srcnat; }`] : []),
    ...(['hostports', 'masquerading'] as const).flatMap((chain) =>
      rules[chain].map((rule) => `add rule ${table} ${chain} ${rule} comment "${containerId}"`),
    ),
    '',
  ].join('\n')
}

/** Opens one container's ports, in place of what an earlier ADD left. */
export async function forwardByNft(
  family: Family,
  config: PortmapConfig,
  address: string,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  await removeRules(family, ({ comment }) => comment === containerId, signal)
  await nftApply(planNftPortmap(family, config, address, containerId), signal)
}

/** Closes one container's ports. */
export async function closeByNft(containerId: string, signal: AbortSignal): Promise<void> {
  for (const family of ['ip', 'ip6'] as const) {
    await removeRules(family, ({ comment }) => comment === containerId, signal)
  }
}

async function removeRules(
  family: Family,
  isMeant: (rule: CommentedRule) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const deletions: string[] = []
  for (const name of ruleChains) {
    const chain = `${tableOf(family)} ${name}`
    const gone = (await listRules(chain, signal)).filter(isMeant)
    if (gone.length > 0) deletions.push(deleteRules(chain, gone))
  }
  if (deletions.length > 0) await nftApply(`${deletions.join('\n')}\n`, signal)
}

/** Throws when rules of one container are missing. */
export async function checkNft(
  family: Family,
  config: PortmapConfig,
  address: string,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  for (const [chain, wanted] of Object.entries(rulesOf(family, config, address))) {
    const present = (await listRules(`${tableOf(family)} ${chain}`, signal)).filter(
      ({ comment }) => comment === containerId,
    )
    if (present.length < wanted.length) throw new CniError('internal', `missing hostport rules in "${chain}" chain`)
  }
}
