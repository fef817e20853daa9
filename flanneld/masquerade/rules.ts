/** Rules that let pod traffic through and hide it from the outside world. Pure. */
import { formatSubnet, type Subnet } from '../ipv4.ts'

/** One chain of ours, and the rule of a built-in chain that leads to it. */
export type ChainRules = {
  readonly table: 'nat' | 'filter'
  readonly chain: string
  readonly from: string
  readonly jump: string
  readonly rules: readonly string[]
}

/** Addresses that never get hidden: replies to multicast would not find back. */
const multicast = '224.0.0.0/4'

/** kube-proxy's mark for packets that it masquerades itself. */
const kubeMasqueradeMark = '0x4000/0x4000'

/**
 * Masquerading for `--ip-masq`: whatever leaves the pod network, or enters it from
 * outside through this host, takes this host's address; pod to pod is never touched.
 */
export function masqueradeRules(network: Subnet, subnet: Subnet): ChainRules {
  const all = formatSubnet(network)
  const own = formatSubnet(subnet)
  const rule = (text: string): string =>
    `${text.split(' -j ')[0]} -m comment --comment "flanneld masq" -j ${text.split(' -j ')[1]}`
  return {
    table: 'nat',
    chain: 'FLANNEL-POSTRTG',
    from: 'POSTROUTING',
    jump: '-m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
    rules: [
      `-m mark --mark ${kubeMasqueradeMark} -j RETURN`,
      `-s ${own} -d ${all} -j RETURN`,
      `-s ${all} -d ${own} -j RETURN`,
      `! -s ${all} -d ${own} -j RETURN`,
      `-s ${all} ! -d ${multicast} -j MASQUERADE --random-fully`,
      `! -s ${all} -d ${all} -j MASQUERADE --random-fully`,
    ].map(rule),
  }
}

/** Forwarding for the pod network, for hosts whose FORWARD policy is to drop. */
export function forwardRules(network: Subnet): ChainRules {
  const all = formatSubnet(network)
  return {
    table: 'filter',
    chain: 'FLANNEL-FWD',
    from: 'FORWARD',
    jump: '-m comment --comment "flanneld forward" -j FLANNEL-FWD',
    rules: [
      `-s ${all} -m comment --comment "flanneld forward" -j ACCEPT`,
      `-d ${all} -m comment --comment "flanneld forward" -j ACCEPT`,
    ],
  }
}

/** A script for iptables-restore that fills our chain, and adds the jump where it is missing. */
export function renderChain({ table, chain, from, jump, rules }: ChainRules, hasJump: boolean): string {
  return [
    `*${table}`,
    `:${chain} - [0:0]`,
    ...rules.map((rule) => `-A ${chain} ${rule}`),
    ...(hasJump ? [] : [`-A ${from} ${jump}`]),
    'COMMIT',
    '',
  ].join('\n')
}
