/** Which rules policies become in which proxy mode. */
import type { Clock } from '../../../component-base/clock.ts'
import type { Family } from '../../../netfilter/iptables.ts'
import type { ModeName } from '../../mode.ts'
import type { PolicyApplier } from './applier.ts'
import { createIptablesApplier } from './iptables.ts'
import { createNftablesApplier } from './nftables.ts'

/** The applier of a proxy mode, for one address family. */
export function createPolicyApplier(mode: ModeName, family: Family, clock: Clock): PolicyApplier {
  return mode === 'nftables'
    ? createNftablesApplier({ family, clock })
    : createIptablesApplier({ family, hasIpvs: mode === 'ipvs' })
}

/** Removes the rules that policies have in other modes than `kept`; all rules when none is kept. */
export async function cleanUpPolicies(kept: ModeName | undefined, clock: Clock, signal: AbortSignal): Promise<void> {
  const others: readonly ModeName[] =
    kept === undefined ? ['iptables', 'nftables'] : kept === 'nftables' ? ['iptables'] : ['nftables']
  for (const mode of others) {
    for (const family of ['ip', 'ip6'] as const) await createPolicyApplier(mode, family, clock).cleanUp(signal)
  }
}
