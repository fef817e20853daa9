/** Mode nftables: ports → elements and chains of one table → what differs → one `nft -f -`. */
import { createNft, type Nft } from '../../netfilter/nft-command.ts'
import type { ModeOptions, ProxyMode } from '../mode.ts'
import { NftApplier } from './applier.ts'
import * as names from './names.ts'
import { nftOptionsOf } from './options.ts'
import { NftPlanner } from './plan.ts'

/** Older ones read every table of the machine at each start and fall over what they do not know. */
const oldestVersion = [1, 0, 1] as const

/** Builds the mode for one address family. */
export function createNftablesMode({ family, settings, namespace, clock }: ModeOptions): ProxyMode {
  const nft = createNft(namespace === undefined ? {} : { namespace })
  const table = names.tableOf(family)
  const applier = new NftApplier({ nft, table, clock })
  const planner = new NftPlanner()
  return {
    name: 'nftables',
    family,
    obstacle: async (signal) => await obstacleOf(nft, signal),
    sync: async ({ node, ports }, signal) => {
      return await applier.apply(planner.plan(ports, nftOptionsOf(node, settings)), signal)
    },
    isDisturbed: async (signal) => !(await nft.hasRules(table, names.services, signal)),
    forget: () => applier.forget(),
    cleanUp: async (_next, signal) => {
      if ((await obstacleOf(nft, signal)) === undefined) await nft.deleteTable(family, table.name, signal)
      return true
    },
  }
}

async function obstacleOf(nft: Nft, signal: AbortSignal): Promise<string | undefined> {
  try {
    const version = await nft.version(signal)
    const numbers = version.split('.').map(Number)
    const different = oldestVersion.findIndex((number, at) => (numbers[at] ?? 0) !== number)
    const isOlder = different >= 0 && (numbers[different] ?? 0) < (oldestVersion[different] ?? 0)
    return isOlder ? `nft ${version} is older than ${oldestVersion.join('.')}` : undefined
  } catch (error) {
    signal.throwIfAborted()
    return error instanceof Error ? error.message : String(error)
  }
}
