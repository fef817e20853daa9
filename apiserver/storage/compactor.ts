/** Forgets old revisions every few minutes, sharing the work with other API servers. Source: upstream's `compact.go`. */
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Storage } from './storage.ts'

export type CompactorOptions = {
  readonly storage: Storage
  readonly clock: Clock
  readonly logger: Logger
  /** 0: never. */
  readonly intervalMs: number
  /** Told what states are forgotten, by this server or another one: those before `revision`. */
  readonly onCompacted?: (revision: number) => void
}

/** Runs until `signal` aborts. What is forgotten was current one interval ago. */
export async function runCompactor(
  { storage, clock, logger, intervalMs, onCompacted }: CompactorOptions,
  signal: AbortSignal,
): Promise<void> {
  let turn = 0
  let revision = 0
  for (;;) {
    await clock.sleep(intervalMs === 0 ? 86_400_000 : intervalMs, signal)
    if (intervalMs === 0) continue
    try {
      const { won, nextTurn, revision: now, compacted } = await storage.takeCompactionTurn(turn, revision, signal)
      if (won && revision > 0) {
        await storage.compact(revision, signal)
        logger.debug('Compacted the store', { revision })
      }
      onCompacted?.(compacted)
      turn = nextTurn
      revision = now
    } catch (error) {
      if (signal.aborted) throw error
      logger.error('Could not compact the store', { error })
    }
  }
}
