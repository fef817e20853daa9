/** Events that repair loops leave at what they had to put right. */
import type { ApiObject } from '../../api/resource.ts'
import { formatMicroTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import { loopbackUser } from '../authn/user.ts'
import type { Store } from './store.ts'

/** What was found, and at which object. */
export type Finding = {
  readonly regarding: Pick<ApiObject, 'kind' | 'apiVersion' | 'metadata'>
  readonly reason: string
  readonly action: string
  readonly note: string
}
/** Tells of a finding; never fails. */
export type ReportFinding = (finding: Finding, signal: AbortSignal) => Promise<void>

export type RepairEventsOptions = {
  readonly store: Store
  readonly clock: Clock
  readonly random: () => number
  /** Such as `ipallocator-repair-controller`. */
  readonly controller: string
  readonly hostname: string
  readonly onError: (error: unknown) => void
}

/** Writes events of `events.k8s.io`. */
export function createFindingReporter(options: RepairEventsOptions): ReportFinding {
  const { store, clock, random, controller, hostname, onError } = options
  return async ({ regarding, reason, action, note }, signal) => {
    const resource = store.resource('events.k8s.io', 'events')
    if (resource === undefined) return
    const { name, namespace = 'default', uid, resourceVersion } = regarding.metadata
    const suffix = Math.floor(random() * 2 ** 48).toString(16)
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name}.${suffix}`, namespace },
      eventTime: formatMicroTime(clock.now()),
      reportingController: controller,
      reportingInstance: `${controller}-${hostname}`,
      type: 'Warning',
      reason,
      action,
      note,
      regarding: {
        kind: regarding.kind,
        apiVersion: regarding.apiVersion,
        name,
        ...(regarding.metadata.namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
    }
    try {
      await store.create(resource, namespace, event, { user: loopbackUser }, signal)
    } catch (error) {
      signal.throwIfAborted()
      onError(error)
    }
  }
}
