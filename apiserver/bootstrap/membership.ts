/**
 * One of several API servers on one etcd: tells that it is there, keeps what all of them give out in order, and takes its leave.
 *
 *   endpoints of `kubernetes` ◀── /registry/masterleases/…      Lease apiserver-… in kube-system
 *   IPAddresses ◀──▶ Services ◀──▶ /registry/ranges/servicenodeports
 */

import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { Logger } from '../../component-base/logger.ts'
import { runIpAddresses } from '../registry/ip-address-allocator.ts'
import type { PortRange } from '../registry/port-range.ts'
import { runPortRepair } from '../registry/port-repair.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { createFindingReporter } from '../registry/repair-events.ts'
import type { Store } from '../registry/store.ts'
import type { Storage } from '../storage/storage.ts'
import { reconcileEndpoints, removeEndpoints } from './endpoints.ts'
import { runIdentityLease } from './identity-lease.ts'

export type MembershipOptions = {
  readonly store: Store
  readonly storage: Storage
  readonly reader: ObjectReader
  readonly fresh: () => Promise<unknown>
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly hostname: string
  readonly address: string
  readonly port: number
  readonly ports: PortRange
  readonly portRange: string
  /** `none`: the endpoints of `kubernetes` are somebody else's. */
  readonly endpointReconciler: string
}
export type Membership = {
  /** Until `signal` aborts; to be started when the server is ready. */
  readonly run: (signal: AbortSignal) => Promise<void>
  /** Nobody is to be sent here any more; gives up quietly after a while. */
  readonly leave: () => Promise<void>
}

/** Source: `DefaultEndpointReconcilerInterval`. */
const endpointsEveryMs = 10_000
const retryMs = 1_000
const leaveLimitMs = 2_000

/** Nothing happens before `run`. */
export function createMembership(options: MembershipOptions): Membership {
  const { store, reader, fresh, clock, logger, random, hostname, port, ports, portRange } = options
  const left = new AbortController()
  const endpoints = { ...options, port }
  const isReconciled = options.endpointReconciler === 'lease'
  const failed = (what: string) => (error: unknown) => logger.error(what, { error })
  const reporter = (controller: string) =>
    createFindingReporter({ store, clock, random, controller, hostname, onError: failed('Could not write an event') })

  async function keepEndpoints(signal: AbortSignal): Promise<void> {
    while (!left.signal.aborted) {
      try {
        await reconcileEndpoints(endpoints, signal)
      } catch (error) {
        signal.throwIfAborted()
        failed('Could not reconcile the endpoints of the kubernetes Service')(error)
        await clock.sleep(retryMs, signal)
        continue
      }
      await clock.sleep(endpointsEveryMs, signal)
    }
  }

  return {
    run: async (signal) => {
      const onError = failed('Could not bring IPAddresses in line with Services')
      await Promise.all([
        isReconciled ? keepEndpoints(signal) : undefined,
        runIdentityLease({ store, reader, clock, hostname, onError: failed('Could not renew the Lease') }, signal),
        runIpAddresses({ store, reader, clock, onError, report: reporter('ipallocator-repair-controller') }, signal),
        runPortRepair(
          {
            ports,
            range: portRange,
            reader,
            fresh,
            clock,
            report: reporter('portallocator-repair-controller'),
            onError: failed('Could not repair the node ports'),
            onDone: () => {},
          },
          signal,
        ),
      ])
    },
    leave: async () => {
      left.abort()
      if (!isReconciled) return
      try {
        await withDeadline(new AbortController().signal, leaveLimitMs, async (signal) => {
          await removeEndpoints(endpoints, signal)
        })
      } catch (error) {
        failed('Could not remove the endpoints of the kubernetes Service')(error)
      }
    },
  }
}
