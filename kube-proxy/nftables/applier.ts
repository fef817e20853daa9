/** Brings the table into the kernel: only what differs from what we put there, or everything when that is not known. */
import type { Clock } from '../../component-base/clock.ts'
import { ExecError } from '../../component-base/exec.ts'
import type { NftBlocks } from '../../netfilter/nft.ts'
import type { Nft } from '../../netfilter/nft-command.ts'
import { type NftChange, NftMemory } from '../../netfilter/nft-diff.ts'
import {
  dropChains,
  type NftTable,
  renderChange,
  renderReplacement,
  renderRewrite,
} from '../../netfilter/nft-script.ts'
import type { SyncResult } from '../mode.ts'

/** How long after the last element that led to it a chain can be deleted on kernels before 6.2. */
const staleAfterMs = 1_000

export type NftApplierOptions = { readonly nft: Nft; readonly table: NftTable; readonly clock: Clock }

/** Keeps in mind what is in the kernel, for one table. */
export class NftApplier {
  readonly #options: NftApplierOptions
  #memory: NftMemory | undefined
  /** Emptied chains by the time when that was. */
  #stale = new Map<string, number>()

  constructor(options: NftApplierOptions) {
    this.#options = options
  }

  /** Makes the table hold exactly what is wanted. */
  async apply(wanted: NftBlocks, signal: AbortSignal): Promise<SyncResult> {
    const memory = this.#memory
    // After a failure the state of the kernel is in doubt, so the next attempt writes everything.
    this.#memory = undefined
    const lines =
      memory === undefined ? await this.#rewrite(wanted, signal) : await this.#change(memory, wanted, signal)
    const type = memory === undefined ? 'full' : lines === 0 ? 'none' : 'partial'
    return { type, lines }
  }

  /** The next `apply` looks at the kernel and writes everything. */
  forget(): void {
    this.#memory = undefined
  }

  async #change(memory: NftMemory, wanted: NftBlocks, signal: AbortSignal): Promise<number> {
    const { nft, table } = this.#options
    const { change, commit } = memory.diff(wanted)
    await this.#dropStale(signal)
    const script = renderChange(table, change)
    if (script !== '') await nft.apply(script, signal)
    commit()
    this.#memory = memory
    this.#noteStale(change, change.chains.remove)
    return sizeOf(change)
  }

  async #rewrite(wanted: NftBlocks, signal: AbortSignal): Promise<number> {
    const { nft, table } = this.#options
    const present = await nft.present(table, signal)
    const memory = new NftMemory()
    const { change, commit } = memory.diff(wanted)
    this.#stale.clear()
    try {
      await nft.apply(renderRewrite(table, change, present ?? { chains: [], sets: new Map() }), signal)
      this.#noteStale(
        change,
        (present?.chains ?? []).filter((chain) => !change.chains.write.has(chain)),
      )
    } catch (error) {
      if (!(error instanceof ExecError) || present === undefined) throw error
      await nft.apply(renderReplacement(table, change), signal)
    }
    commit()
    this.#memory = memory
    return sizeOf(change)
  }

  #noteStale(change: NftChange, removed: readonly string[]): void {
    const nowMs = this.#options.clock.now()
    for (const chain of change.chains.write.keys()) this.#stale.delete(chain)
    for (const chain of removed) this.#stale.set(chain, nowMs)
  }

  /** Chains that are wanted again by then have been written, and are not among them. */
  async #dropStale(signal: AbortSignal): Promise<void> {
    const { nft, table, clock } = this.#options
    const ripe = [...this.#stale].flatMap(([chain, sinceMs]) => (clock.now() - sinceMs >= staleAfterMs ? [chain] : []))
    if (ripe.length === 0) return
    for (const chain of ripe) this.#stale.delete(chain)
    try {
      await nft.apply(dropChains(table, ripe), signal)
    } catch (error) {
      // Somebody else refers to one of them, or has deleted it: being empty they do no harm until the next rewrite.
      if (!(error instanceof ExecError)) throw error
    }
  }
}

/** How much is written: rules, sets and elements. */
function sizeOf({ chains, sets, elements }: NftChange): number {
  let size = chains.remove.length + sets.write.size + sets.remove.size
  for (const { rules } of chains.write.values()) size += 1 + rules.length
  for (const { add, remove } of elements.values()) size += add.length / 2 + remove.length
  return size
}
