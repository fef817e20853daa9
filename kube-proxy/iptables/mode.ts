/** Mode iptables: ports → blocks of chains → what differs → one `iptables-restore`. */
import { createIptables, type Iptables } from '../../netfilter/iptables.ts'
import type { ModeOptions, ProxyMode } from '../mode.ts'
import type { PlannedPort } from '../plan/planner.ts'
import { Applier } from './applier.ts'
import { baseJumps } from './base.ts'
import { cleanUp } from './cleanup.ts'
import { renderOptionsOf } from './options.ts'
import { blocksOf, createRenderings } from './plan.ts'

/** Builds the mode for one address family. */
export function createIptablesMode({ family, settings, namespace }: ModeOptions): ProxyMode {
  const iptables = createIptables(family, namespace === undefined ? {} : { namespace })
  const applier = new Applier(iptables)
  const renderings = createRenderings()
  return {
    name: 'iptables',
    family,
    obstacle: async (signal) => await obstacleOf(iptables, signal),
    sync: async ({ node, ports }, signal) => {
      const options = renderOptionsOf(node, settings, isLargeCluster(ports))
      return await applier.apply(blocksOf(ports, options, renderings), baseJumps(options), signal)
    },
    isDisturbed: async (signal) => await applier.isFlushed(signal),
    forget: () => applier.forget(),
    ruleCounts: () => applier.counts(),
    cleanUp: async (next, signal) => {
      if ((await obstacleOf(iptables, signal)) === undefined) await cleanUp(iptables, next, signal)
      return true
    },
  }
}

/** From this many endpoints on, as upstream's large clusters. */
const largeClusterEndpoints = 1_000

function isLargeCluster(ports: readonly PlannedPort[]): boolean {
  let count = 0
  for (const { serving } of ports) count += serving.length
  return count > largeClusterEndpoints
}

async function obstacleOf(iptables: Iptables, signal: AbortSignal): Promise<string | undefined> {
  try {
    if (await iptables.hasChain('nat', 'POSTROUTING', signal)) return undefined
    return `${iptables.tool} has no table nat`
  } catch (error) {
    signal.throwIfAborted()
    return error instanceof Error ? error.message : String(error)
  }
}
