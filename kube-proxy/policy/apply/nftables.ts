/** Policies into a table of nftables that is theirs alone; without policies there is no table. */
import type { Clock } from '../../../component-base/clock.ts'
import { ExecError } from '../../../component-base/exec.ts'
import type { NftBlocks } from '../../../netfilter/nft.ts'
import { createNft, type Nft } from '../../../netfilter/nft-command.ts'
import type { NftTable } from '../../../netfilter/nft-script.ts'
import { NftApplier } from '../../nftables/applier.ts'
import { createNftablesRenderer, tableName } from '../render/nftables.ts'
import { type ApplierOptions, obstacleOf, type PolicyApplier } from './applier.ts'

/** Applies to nftables. */
export function createNftablesApplier({
  family,
  namespace,
  clock,
}: ApplierOptions & { readonly clock: Clock }): PolicyApplier {
  const nft = createNft(namespace === undefined ? {} : { namespace })
  const table: NftTable = { family, name: tableName, comment: 'network policies' }
  const render = createNftablesRenderer(family)
  const applier = new NftApplier({ nft, table, clock })
  let applied: NftBlocks | undefined
  const removeAll = async (signal: AbortSignal) => {
    applied = undefined
    applier.forget()
    await nft.deleteTable(family, tableName, signal)
  }
  return {
    family,
    obstacle: async (signal) => await obstacleOf(async () => await nft.present(table, signal), signal),
    apply: async (plan, signal) => {
      const [before, wanted] = [applied, render(plan)]
      if (wanted.size === 0) {
        if (before?.size === 0) return { type: 'none', lines: 0 }
        await removeAll(signal)
        applied = wanted
        return { type: before === undefined ? 'full' : 'partial', lines: before?.size ?? 0 }
      }
      applied = undefined
      const result = await applier.apply(wanted, signal)
      applied = wanted
      return result
    },
    isDisturbed: async (signal) => applied !== undefined && !(await isInPlace(nft, table, applied, signal)),
    forget: () => {
      applied = undefined
      applier.forget()
    },
    cleanUp: async (signal) => {
      try {
        await removeAll(signal)
      } catch (error) {
        // Without the tool nothing can have been written.
        if (!(error instanceof ExecError) || signal.aborted) throw error
      }
    },
  }
}

/** Whether all chains and sets are there, and the first chain has its rules. */
async function isInPlace(nft: Nft, table: NftTable, wanted: NftBlocks, signal: AbortSignal): Promise<boolean> {
  const present = await nft.present(table, signal)
  if (wanted.size === 0) return present === undefined
  const [chains, sets] = [new Set(present?.chains), present?.sets ?? new Map<string, string>()]
  const areThere = [...wanted.values()].every(
    (block) =>
      [...(block.chains?.keys() ?? [])].every((chain) => chains.has(chain)) &&
      [...(block.sets?.keys() ?? [])].every((set) => sets.has(set)),
  )
  return areThere && (await nft.hasRules(table, 'KUBE-NWPLCY-CHAIN', signal))
}
