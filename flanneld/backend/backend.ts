/** One way of carrying packets between hosts. */

import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { NetworkConfig } from '../config.ts'
import type { External } from '../interface.ts'
import type { Lease, LeaseAttributes } from '../subnet/lease.ts'

/** What every backend is given. */
export type BackendOptions = {
  readonly config: NetworkConfig
  readonly external: External
  readonly clock: Clock
  readonly logger: Logger
}

/** A backend before it has a subnet. */
export type Backend = {
  /** The largest packet that a pod may send. */
  readonly mtu: number
  /** What other hosts must know. May prepare a device whose address is part of it. */
  readonly attributes: (signal: AbortSignal) => Promise<LeaseAttributes>
  /** Makes this host's end ready. Safe to repeat on what an earlier run has left. */
  readonly start: (own: Lease, signal: AbortSignal) => Promise<RunningBackend>
}

/** A backend that carries packets. */
export type RunningBackend = {
  /** Carries packets until `signal` aborts; follows the other hosts' leases. */
  readonly run: (leases: AsyncIterable<readonly Lease[]>, signal: AbortSignal) => Promise<void>
  /** What it has counted, in Prometheus' text format; absent where the kernel alone carries packets. */
  readonly metrics?: () => string
}

/** This host's attributes where other hosts need nothing but its addresses. */
export function plainAttributes({ external }: BackendOptions, backendType: string): LeaseAttributes {
  const { ipv4, ipv6 } = external.publicIps
  return {
    backendType,
    ...(ipv4 !== undefined && { ipv4: { publicIp: ipv4 } }),
    ...(ipv6 !== undefined && { ipv6: { publicIp: ipv6 } }),
  }
}
