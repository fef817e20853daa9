/** Keeps our chains as they should be: somebody else may flush them at any time. */
import type { Clock } from '../../component-base/clock.ts'
import { ExecError } from '../../component-base/exec.ts'
import type { Logger } from '../../component-base/logger.ts'
import { type ChainRules, mergeChain } from './rules.ts'

/** Chains in iptables or in nftables. */
export type Firewall = {
  /** The rules in one of our chains, none where it is not there, and whether packets meet it. */
  readonly list: (chain: ChainRules, signal: AbortSignal) => Promise<Listing>
  /** Replaces the rules of the chain, and makes sure that packets meet it. */
  readonly write: (chain: ChainRules, rules: readonly string[], signal: AbortSignal) => Promise<void>
  /** Leaves nothing of ours. */
  readonly cleanUp: (signal: AbortSignal) => Promise<void>
}

/** A chain as the kernel has it. */
export type Listing = { readonly rules: readonly string[]; readonly isReached: boolean }

/** Our chains in one firewall. */
export class ChainKeeper {
  readonly #firewall: Firewall
  readonly #chains: readonly ChainRules[]
  /** Our rules as the kernel writes them, once it has: texts differ from version to version. */
  readonly #written = new Map<ChainRules, readonly string[]>()

  constructor(firewall: Firewall, chains: readonly ChainRules[]) {
    this.#firewall = firewall
    this.#chains = chains
  }

  /** Puts right what is not; how many chains that were. */
  async sync(signal: AbortSignal): Promise<number> {
    let changed = 0
    for (const chain of this.#chains) if (await this.#syncChain(chain, signal)) changed += 1
    return changed
  }

  async #syncChain(chain: ChainRules, signal: AbortSignal): Promise<boolean> {
    const present = await this.#firewall.list(chain, signal)
    const known = this.#written.get(chain) ?? chain.rules
    const { isSettled, others } = mergeChain(known, chain.stale, present.rules)
    if (isSettled && present.isReached) return false
    await this.#firewall.write(chain, [...chain.rules, ...others], signal)
    const { rules } = await this.#firewall.list(chain, signal)
    if (rules.length >= chain.rules.length) this.#written.set(chain, rules.slice(0, chain.rules.length))
    return true
  }

  /** Looks after the chains until `signal` aborts. */
  async run(
    { resyncMs, clock, logger }: { readonly resyncMs: number; readonly clock: Clock; readonly logger: Logger },
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(resyncMs, signal)
      try {
        const changed = await this.sync(signal)
        if (changed > 0) logger.info('Some rules were missing; wrote them again', { chains: changed })
      } catch (error) {
        if (signal.aborted) return
        logger.error('Failed to ensure the rules', { error })
      }
    }
  }
}

/** Removes what a run with the other firewall has left; a host may lack that one's tools. */
export async function cleanUpOther(firewall: Firewall, logger: Logger, signal: AbortSignal): Promise<void> {
  try {
    await firewall.cleanUp(signal)
  } catch (error) {
    if (signal.aborted || !(error instanceof ExecError)) throw error
    logger.debug('Could not clean up unused rules', { error })
  }
}
