/**
 * Leader election by a Lease: one holder at a time does the work. Source: client-go leaderelection, API `coordination.k8s.io/v1`.
 * A holder that cannot renew within the renew deadline stops its work before another may take the lease.
 */

import type { Lease } from '../../api/coordination/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatMicroTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Task } from '../../component-base/run.ts'
import type { Client } from '../rest/client.ts'
import { leases } from '../rest/resource-refs.ts'

export type LeaderElectionOptions = {
  readonly client: Pick<Client, 'get' | 'update' | 'create'>
  readonly namespace: string
  readonly name: string
  /** Who we are: host name and a unique part. */
  readonly identity: string
  readonly clock: Clock
  readonly logger: Logger
  readonly leaseDurationMs?: number
  readonly renewDeadlineMs?: number
  readonly retryPeriodMs?: number
}

/** What we saw last of somebody else's lease, and when by our own clock: clocks of two machines are never compared. */
export type Sighting = { readonly fingerprint: string; readonly atMs: number }

/** Pure. Whether `identity` may take the lease now. */
export function mayTake(
  lease: Lease,
  identity: string,
  sighting: Sighting,
  nowMs: number,
  leaseDurationMs: number,
): boolean {
  const holder = lease.spec.holderIdentity ?? ''
  return holder === '' || holder === identity || nowMs - sighting.atMs > leaseDurationMs
}

/** Waits for the lease, runs `work` while it is held, and gives it back on a clean stop. Rejects when the lease is lost. */
export async function runWithLease(options: LeaderElectionOptions, work: Task, signal: AbortSignal): Promise<void> {
  const elector = new Elector(options)
  await elector.acquire(signal)
  const lost = new AbortController()
  const both = AbortSignal.any([signal, lost.signal])
  const renewing = elector.renewUntilLost(both).catch((error: unknown) => {
    lost.abort(error)
  })
  let loss: unknown
  try {
    await work(both)
    // Work that is asked to stop ends without an error; why it was asked is told here.
    if (!signal.aborted && lost.signal.aborted) loss = lost.signal.reason
  } finally {
    lost.abort()
    await renewing
    if (signal.aborted) await elector.release()
  }
  if (loss !== undefined) throw new Error('leaderelection lost', { cause: loss })
}

class Elector {
  readonly #options: Required<LeaderElectionOptions>
  #sighting: Sighting = { fingerprint: '', atMs: 0 }

  constructor(options: LeaderElectionOptions) {
    this.#options = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000, ...options }
  }

  async acquire(signal: AbortSignal): Promise<void> {
    const { clock, logger, retryPeriodMs, name } = this.#options
    for (;;) {
      try {
        if (await this.#tryTake(signal)) break
      } catch (error) {
        signal.throwIfAborted()
        logger.debug('Lease not acquired', { lease: name, error })
      }
      await clock.sleep(retryPeriodMs, signal)
    }
    logger.info('Became leader', { lease: name })
  }

  async renewUntilLost(signal: AbortSignal): Promise<void> {
    const { clock, retryPeriodMs, renewDeadlineMs, name } = this.#options
    let renewedMs = clock.now()
    for (;;) {
      await clock.sleep(retryPeriodMs, signal)
      try {
        const held = await withDeadline(signal, renewDeadlineMs, async (limit) => await this.#tryTake(limit))
        if (!held) throw new Error(`lease ${name} was taken by another`)
        renewedMs = clock.now()
      } catch (error) {
        signal.throwIfAborted()
        if (clock.now() - renewedMs >= renewDeadlineMs) throw new Error(`lease ${name} lost`, { cause: error })
      }
    }
  }

  async release(): Promise<void> {
    const { client, namespace, name, identity, clock } = this.#options
    const limit = AbortSignal.timeout(2_000)
    try {
      const lease = await client.get(leases, { namespace, name }, limit)
      if (lease.spec.holderIdentity !== identity) return
      const now = formatMicroTime(clock.now())
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now }
      await client.update(leases, { ...lease, spec }, limit)
    } catch {
      // The next holder then waits until the lease runs out.
    }
  }

  async #tryTake(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity, clock, leaseDurationMs } = this.#options
    const now = formatMicroTime(clock.now())
    const mine = { holderIdentity: identity, leaseDurationSeconds: leaseDurationMs / 1000, renewTime: now }
    try {
      const lease = await client.get(leases, { namespace, name }, signal)
      this.#see(lease)
      if (!mayTake(lease, identity, this.#sighting, clock.now(), leaseDurationMs)) return false
      const isOurs = lease.spec.holderIdentity === identity
      const spec = isOurs
        ? { ...lease.spec, ...mine }
        : { ...lease.spec, ...mine, acquireTime: now, leaseTransitions: (lease.spec.leaseTransitions ?? 0) + 1 }
      await client.update(leases, { ...lease, spec }, signal)
      return true
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
      const spec = { ...mine, acquireTime: now, leaseTransitions: 0 }
      const metadata = { name, namespace }
      await client.create(leases, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }, signal)
      return true
    }
  }

  #see(lease: Lease): void {
    const fingerprint = `${lease.spec.holderIdentity} ${lease.spec.renewTime}`
    if (fingerprint !== this.#sighting.fingerprint) this.#sighting = { fingerprint, atMs: this.#options.clock.now() }
  }
}
