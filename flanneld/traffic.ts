/** The rules and routes on this host that go with a lease, whatever the backend. */
import { existsSync } from 'node:fs'
import type { Clock } from '../component-base/clock.ts'
import { formatSubnet } from '../component-base/ip-address.ts'
import type { Logger } from '../component-base/logger.ts'
import type { Task } from '../component-base/run.ts'
import type { NetworkConfig } from './config.ts'
import { type Family, families, familiesOf } from './family.ts'
import type { Flags } from './flags.ts'
import { iptablesFirewall } from './masquerade/iptables.ts'
import { nftablesFirewall } from './masquerade/nftables.ts'
import {
  type ChainRules,
  iptablesForward,
  iptablesMasquerade,
  type Masquerade,
  nftForward,
  nftMasquerade,
} from './masquerade/rules.ts'
import { ChainKeeper, cleanUpOther } from './masquerade/sync.ts'
import { forceBatch } from './routes/apply.ts'
import type { PreviousEnv } from './subnet/env-file.ts'
import type { Lease } from './subnet/lease.ts'

type TrafficInput = { readonly flags: Flags; readonly clock: Clock; readonly logger: Logger }

/** Installs the rules, and gives what looks after them. */
export async function installTraffic(
  { flags, clock, logger }: TrafficInput,
  config: NetworkConfig,
  own: Lease,
  previous: PreviousEnv,
  signal: AbortSignal,
): Promise<Readonly<Record<string, Task>>> {
  const { usesNftables } = config
  warnWithoutBridgeFilter(config, logger)
  await cleanUpOther(usesNftables ? iptablesFirewall : nftablesFirewall, logger, signal)
  const keeper = new ChainKeeper(
    usesNftables ? nftablesFirewall : iptablesFirewall,
    chainsOf(flags, config, own, previous),
  )
  await keeper.sync(signal)
  // Upstream takes 0 as well, and then does nothing else.
  const resyncMs = Math.max(1, flags['iptables-resync']) * 1000
  return {
    rules: async (taskSignal) => await keeper.run({ resyncMs, clock, logger }, taskSignal),
    ...(flags['ip-blackhole-route'] && {
      blackhole: async (taskSignal: AbortSignal) => await keepBlackhole(own, resyncMs, clock, taskSignal),
    }),
  }
}

/** The chains for a lease. Rules of the network and subnet of an earlier run are stale. Pure. */
export function chainsOf(
  flags: Flags,
  config: NetworkConfig,
  own: Lease,
  previous: PreviousEnv,
): readonly ChainRules[] {
  const { usesNftables, networks } = config
  const [masquerade, forward] = usesNftables
    ? [nftMasquerade, nftForward]
    : [iptablesMasquerade, (_family: Family, network: Masquerade['network']) => iptablesForward(network)]
  return familiesOf(own).flatMap((family): readonly ChainRules[] => {
    const [network, subnet] = [networks[family], own[family]?.subnet]
    if (network === undefined || subnet === undefined) return []
    const isRandom = !flags['ip-masq-fully-random-disable']
    const before = { network: previous.networks[family] ?? network, subnet: previous.subnets[family] ?? subnet }
    const stale = [true, false].flatMap((random) => [
      ...masquerade({ family, ...before, isRandom: random }),
      ...masquerade({ family, network, subnet, isRandom: random }),
    ])
    const hidden = {
      family,
      kind: 'masquerade',
      rules: masquerade({ family, network, subnet, isRandom }),
      stale,
    } as const
    const through = {
      family,
      kind: 'forward',
      rules: forward(family, network),
      stale: forward(family, before.network),
    } as const
    return [...(flags['ip-masq'] ? [hidden] : []), ...(flags['iptables-forward-rules'] ? [through] : [])]
  })
}

/**
 * Upstream refuses to start here. Between hosts all works without it; what does not is a Service whose pod is on the
 * client's own node, and policies between pods of one node.
 */
function warnWithoutBridgeFilter({ networks, usesNftables }: NetworkConfig, logger: Logger): void {
  if (usesNftables) return
  const files = { ipv4: 'bridge-nf-call-iptables', ipv6: 'bridge-nf-call-ip6tables' } as const
  for (const family of familiesOf(networks)) {
    if (existsSync(`/proc/sys/net/bridge/${files[family]}`)) continue
    logger.error('br_netfilter is not loaded: packets between pods of this host pass no rules (modprobe br_netfilter)')
    return
  }
}

/** For hosts whose pods have no bridge with a route of its own: what is for no pod must not leave again. */
async function keepBlackhole(own: Lease, resyncMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const subnets = families.flatMap((family) => own[family]?.subnet ?? [])
  const lines = subnets.map((subnet) => `route add blackhole ${formatSubnet(subnet)}`)
  while (!signal.aborted) {
    // Says "File exists" where it stands, or where a bridge has the route.
    await forceBatch('ip', lines, signal)
    await clock.sleep(resyncMs, signal)
  }
}
