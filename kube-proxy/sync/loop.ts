/** When to sync: soon after a change but not too often, again after a failure, and now and then in any case. */

import type { Clock } from '../../component-base/clock.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'

export type SyncLoopOptions = {
  /** One pass. Rejects when it did not succeed; resolves to when another one is due that nothing else asks for. */
  readonly sync: (signal: AbortSignal) => Promise<number | undefined>
  /** Looks whether somebody else has changed the kernel; a sync follows. */
  readonly check: (signal: AbortSignal) => Promise<void>
  readonly minSyncPeriodMs: number
  readonly syncPeriodMs: number
  readonly clock: Clock
  readonly logger: Logger
}

/** A burst of changes ends in one pass. */
export class SyncLoop {
  readonly #options: SyncLoopOptions
  #isRequested = true
  #wake: (() => void) | undefined

  constructor(options: SyncLoopOptions) {
    this.#options = options
  }

  /** Something changed. */
  request(): void {
    this.#isRequested = true
    this.#wake?.()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, minSyncPeriodMs, syncPeriodMs, check } = this.#options
    let checkedAtMs = clock.now()
    let againAfterMs: number | undefined
    while (!signal.aborted) {
      await this.#wait(Math.min(syncPeriodMs, againAfterMs ?? syncPeriodMs), signal)
      if (clock.now() - checkedAtMs >= syncPeriodMs) {
        checkedAtMs = clock.now()
        await this.#tolerate(check, 'Rules not checked', signal)
        this.#isRequested = true
      }
      this.#isRequested = false
      againAfterMs = undefined
      const sync = async () => {
        againAfterMs = await this.#options.sync(signal)
      }
      const isDone = await this.#tolerate(sync, 'Rules not synced', signal)
      if (!isDone) this.#isRequested = true
      await clock.sleep(Math.max(minSyncPeriodMs, isDone ? 0 : retryMs), signal)
    }
  }

  /** Until a request, at most `limitMs`. */
  async #wait(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isRequested) return
    const stop = new AbortController()
    const both = linkSignals([signal, stop.signal])
    const requested = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    const late = this.#options.clock.sleep(limitMs, both.signal).catch((error: unknown) => {
      // Ended by the request; an abort from outside is the caller's to handle.
      if (signal.aborted) throw error
    })
    try {
      await Promise.race([requested, late])
    } finally {
      this.#wake = undefined
      stop.abort()
      both.unlink()
    }
  }

  async #tolerate(
    work: (signal: AbortSignal) => Promise<void>,
    message: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      await work(signal)
      return true
    } catch (error) {
      if (signal.aborted) throw error
      this.#options.logger.error(message, { error })
      return false
    }
  }
}

const retryMs = 1_000
