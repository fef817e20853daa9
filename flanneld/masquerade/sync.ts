/** Keeps our chains as they should be: somebody else may flush them at any time. */
import type { Clock } from '../../component-base/clock.ts'
import { ExecError, run } from '../../component-base/exec.ts'
import type { Logger } from '../../component-base/logger.ts'
import { type ChainRules, renderChain } from './rules.ts'

/** What the loop needs. */
export type SyncOptions = {
  readonly chains: readonly ChainRules[]
  readonly resyncMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/** Installs the chains once. */
export async function installChains(chains: readonly ChainRules[], signal: AbortSignal): Promise<void> {
  for (const chain of chains) await restore(chain, signal)
}

/** Looks after the chains until `signal` aborts. */
export async function keepChains({ chains, resyncMs, clock, logger }: SyncOptions, signal: AbortSignal): Promise<void> {
  const installed = new Map<ChainRules, string>()
  while (!signal.aborted) {
    for (const chain of chains) {
      try {
        const listing = await list(chain, signal)
        const isIntact = listing !== undefined && listing === installed.get(chain) && (await hasJump(chain, signal))
        if (!isIntact) await restore(chain, signal)
        installed.set(chain, isIntact ? listing : ((await list(chain, signal)) ?? ''))
      } catch (error) {
        if (signal.aborted) break
        logger.error('Could not install rules', { chain: chain.chain, error })
      }
    }
    await clock.sleep(resyncMs, signal)
  }
}

async function restore(chain: ChainRules, signal: AbortSignal): Promise<void> {
  const input = renderChain(chain, await hasJump(chain, signal))
  await run('iptables-restore', ['-w', '5', '--noflush'], { input, signal })
}

/** What the kernel has in our chain; `undefined` when there is none. */
async function list({ table, chain }: ChainRules, signal: AbortSignal): Promise<string | undefined> {
  return await unlessFailed(
    async () => (await run('iptables', ['-w', '5', '-t', table, '-S', chain], { signal })).stdout,
  )
}

async function hasJump({ table, from, jump }: ChainRules, signal: AbortSignal): Promise<boolean> {
  const args = ['-w', '5', '-t', table, '-C', from, ...splitRule(jump)]
  return (await unlessFailed(async () => await run('iptables', args, { signal }))) !== undefined
}

/** Words of a rule; a quoted comment is one. */
function splitRule(rule: string): readonly string[] {
  return [...rule.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')
}

async function unlessFailed<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    // iptables answers 1 for a rule that is not there, and 2 for one that jumps to a chain that is not.
    const isAbsent = error instanceof ExecError && (error.exitCode === 1 || error.stderr.includes('does not exist'))
    if (isAbsent) return undefined
    throw error
  }
}
