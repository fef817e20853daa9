/**
 * Keeps the kernel in step with the leases: after every change of them, soon after anybody changed links, addresses or
 * routes (a link that goes down takes its routes with it), and every few seconds for what the kernel does not announce.
 */
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { isAbortError } from '../../component-base/run.ts'
import { type KernelMonitor, openKernelMonitor } from '../routes/monitor.ts'
import type { Lease } from '../subnet/lease.ts'

/** Upstream's period for looking after routes. */
const resyncMs = 10_000
/** The monitor is asked this often: one system call that costs next to nothing. */
const lookMs = 1_000

/** What the loop needs. */
export type FollowOptions = {
  readonly clock: Clock
  readonly logger: Logger
  /** Brings the kernel to what the leases say. Safe to repeat; a failure is tried again with the next pass. */
  readonly sync: (leases: readonly Lease[], signal: AbortSignal) => Promise<void>
  readonly openMonitor?: () => KernelMonitor
}

/** Runs until `signal` aborts or the leases end. */
export async function followLeases(
  options: FollowOptions,
  leases: AsyncIterable<readonly Lease[]>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, openMonitor = openKernelMonitor } = options
  const monitor = openMonitor()
  let current: readonly Lease[] | undefined
  let running = Promise.resolve()
  // One pass at a time: passes read what the kernel has and change it.
  const pass = async (): Promise<void> => {
    running = running.then(async () => {
      if (current === undefined || signal.aborted) return
      try {
        await options.sync(current, signal)
      } catch (error) {
        if (signal.aborted || isAbortError(error)) return
        logger.error('Could not bring the kernel in step with the leases', { error })
      }
    })
    await running
  }
  const watch = async (): Promise<void> => {
    for await (const next of leases) {
      current = next
      await pass()
    }
  }
  const look = async (): Promise<void> => {
    for (let waited = lookMs; !signal.aborted; waited += lookMs) {
      await clock.sleep(lookMs, signal)
      if (!monitor.hasChanged() && waited < resyncMs) continue
      waited = 0
      await pass()
    }
  }
  try {
    await Promise.all([watch(), look()])
  } finally {
    monitor.close()
  }
}
