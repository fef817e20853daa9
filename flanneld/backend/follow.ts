/**
 * Keeps the kernel in step with the leases: after every change of them, after every change of this host's links (a link
 * that goes down takes its routes with it), and every few seconds, because somebody else may have changed something.
 */
import { networkInterfaces } from 'node:os'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { isAbortError } from '../../component-base/run.ts'
import type { Lease } from '../subnet/lease.ts'

/** Upstream's period for looking after routes. */
const resyncMs = 10_000
/** Links are looked at this often: one system call that costs next to nothing. */
const lookMs = 1_000

/** What the loop needs. */
export type FollowOptions = {
  readonly clock: Clock
  readonly logger: Logger
  /** Brings the kernel to what the leases say. Safe to repeat; a failure is tried again with the next pass. */
  readonly sync: (leases: readonly Lease[], signal: AbortSignal) => Promise<void>
  /** What the kernel says of this host's links, as one text that changes when they do. */
  readonly links?: () => string
}

/** Runs until `signal` aborts or the leases end. */
export async function followLeases(
  options: FollowOptions,
  leases: AsyncIterable<readonly Lease[]>,
  signal: AbortSignal,
): Promise<void> {
  const { clock, logger, links = describeLinks } = options
  let current: readonly Lease[] | undefined
  let seen = links()
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
      const now = links()
      if (now === seen && waited < resyncMs) continue
      seen = now
      waited = 0
      await pass()
    }
  }
  await Promise.all([watch(), look()])
}

/** Links that are up and carry packets, with their addresses. */
function describeLinks(): string {
  const names = Object.entries(networkInterfaces()).map(([name, addresses = []]) => {
    return `${name} ${addresses.map(({ cidr }) => cidr).join(' ')}`
  })
  return names.toSorted().join('\n')
}
