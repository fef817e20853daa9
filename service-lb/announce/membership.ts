/**
 * Which speakers live. Each renews a Lease of its own; a Lease that was not seen to change for its duration means that its speaker is
 * gone, long before the node's Ready condition says so. Clocks of two machines are never compared: only when *we* saw a change counts.
 *
 * A speaker whose own Lease does not come back through the watch sees nothing at all (the API server is away, or we are): then what
 * was believed last stays, so that an outage of the API server does not take addresses off the network.
 */
import type { Node } from '../../api/core/v1.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatMicroTime } from '../../apimachinery/time.ts'
import { createInformer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import { leases as leasesRef } from '../../client/rest/resource-refs.ts'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import type { Logger } from '../../component-base/logger.ts'
import { runAll } from '../../component-base/run.ts'

export type MembershipOptions = {
  readonly client: Client
  readonly nodeName: string
  readonly namespace: string
  readonly leaseDurationMs: number
  /** Our own Node, once it is known: its Lease goes with it. */
  readonly node: () => Node | undefined
  readonly clock: Clock
  readonly logger: Logger
}

/** What we know of the others at a moment. */
export type View =
  | { readonly type: 'current'; readonly alive: ReadonlySet<string> }
  /** Nothing is known that could be relied on. */
  | { readonly type: 'stale' }

const label = 'kubets.io/service-lb-speaker'
/** Renewals that may fail before the others believe that we are gone. */
const renewalsPerDuration = 3
const releaseLimitMs = 2_000

/** When each speaker's Lease was last seen to change. Pure but for its memory. */
export class Sightings {
  readonly #self: string
  readonly #durationMs: number
  readonly #seenMs = new Map<string, number>()

  constructor(self: string, durationMs: number) {
    this.#self = self
    this.#durationMs = durationMs
  }

  saw(name: string, nowMs: number): void {
    // After a gap nobody has had the chance to be seen: all get a whole duration again.
    if (name === this.#self && this.#isStale(nowMs))
      for (const other of this.#seenMs.keys()) this.#seenMs.set(other, nowMs)
    this.#seenMs.set(name, nowMs)
  }

  left(name: string): void {
    this.#seenMs.delete(name)
  }

  view(nowMs: number): View {
    if (this.#isStale(nowMs)) return { type: 'stale' }
    const alive = [...this.#seenMs].filter(([, seenMs]) => nowMs - seenMs <= this.#durationMs)
    return { type: 'current', alive: new Set(alive.map(([name]) => name)) }
  }

  #isStale(nowMs: number): boolean {
    return nowMs - (this.#seenMs.get(this.#self) ?? Number.NEGATIVE_INFINITY) > this.#durationMs
  }
}

export type Membership = {
  readonly view: () => View
  /** Renews our Lease and follows those of the others until `signal` aborts; then gives ours up, so that others take over at once. */
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Makes the membership; nothing happens before `run`. */
export function createMembership(options: MembershipOptions): Membership {
  const { client, nodeName, namespace, leaseDurationMs, clock, logger } = options
  const sightings = new Sightings(nodeName, leaseDurationMs)
  const leases = createInformer({ client, ref: leasesRef, namespace, labelSelector: label, clock, logger })
  leases.onChange(({ type, object }) => {
    const name = object.spec.holderIdentity ?? ''
    if (type === 'deleted') sightings.left(name)
    else if (name !== '') sightings.saw(name, clock.now())
  })
  return {
    view: () => sightings.view(clock.now()),
    run: async (signal) => {
      try {
        await runAll(signal, { leases: leases.run, renewal: async (stop) => await renew(options, stop) })
      } finally {
        await release(options)
      }
    },
  }
}

async function renew(options: MembershipOptions, signal: AbortSignal): Promise<void> {
  const { leaseDurationMs, clock, logger } = options
  for (;;) {
    try {
      await withDeadline(signal, leaseDurationMs, async (limit) => await renewOnce(options, limit))
    } catch (error) {
      signal.throwIfAborted()
      logger.debug('Lease not renewed', { error })
    }
    await clock.sleep(leaseDurationMs / renewalsPerDuration, signal)
  }
}

async function renewOnce(options: MembershipOptions, signal: AbortSignal): Promise<void> {
  const { client, nodeName, namespace, leaseDurationMs, node, clock } = options
  const name = leaseName(nodeName)
  const spec = {
    holderIdentity: nodeName,
    leaseDurationSeconds: Math.max(1, Math.ceil(leaseDurationMs / 1_000)),
    renewTime: formatMicroTime(clock.now()),
  }
  try {
    // Nobody else writes it: no version is named.
    await client.patch(leasesRef, { namespace, name }, { type: 'merge', body: { spec } }, signal)
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error
    const owner = node()
    const owners =
      owner === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: owner.metadata.uid }]
    const metadata = { name, namespace, labels: { [label]: nodeName }, ownerReferences: owners }
    await client.create(leasesRef, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }, signal)
  }
}

async function release({ client, nodeName, namespace, logger }: MembershipOptions): Promise<void> {
  try {
    const at = { namespace, name: leaseName(nodeName) }
    await client.delete(leasesRef, at, {}, AbortSignal.timeout(releaseLimitMs))
  } catch (error) {
    // Then the others wait until it runs out.
    logger.debug('Lease not given up', { error })
  }
}

function leaseName(nodeName: string): string {
  return `service-lb-${nodeName}`
}
