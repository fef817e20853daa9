/** A cache for every kind that can be listed, watched and deleted; kinds come and go while we run. */
import type { ApiObject } from '../../api/resource.ts'
import { type Change, createInformer, type Informer } from '../../client/cache/informer.ts'
import type { Client } from '../../client/rest/client.ts'
import type { Clock } from '../../component-base/clock.ts'
import { withDeadline } from '../../component-base/deadline.ts'
import { linkSignals } from '../../component-base/linked-signal.ts'
import type { Logger } from '../../component-base/logger.ts'
import { aborted } from '../../component-base/run.ts'
import { type DiscoveredResource, discover, resourceText } from '../discovery.ts'

/** How often the server is asked for its kinds. */
const rediscoverMs = 30_000
/** Kinds that come up late do not hold up the others for longer than this. */
const syncLimitMs = 30_000
/** Events have no owners and end by themselves. */
const ignored = new Set(['events', 'events.events.k8s.io'])

type Monitor = { readonly informer: Informer<ApiObject>; readonly stop: AbortController }

export type Monitors = {
  /** Follows the server's kinds until `signal` aborts. */
  readonly run: (signal: AbortSignal) => Promise<void>
  /** Resolves once every kind that was found first is listed. */
  readonly whenSynced: (signal: AbortSignal) => Promise<void>
  readonly resources: () => readonly DiscoveredResource[]
}

type Options = {
  readonly client: Client
  readonly clock: Clock
  readonly logger: Logger
  /** A cache that is kept for others anyway: what it knows is not asked for twice. */
  readonly shared: (resource: DiscoveredResource) => Informer<ApiObject> | undefined
  readonly onChange: (resource: DiscoveredResource, change: Change<ApiObject>) => void
}

/** Makes the set; nothing is asked before `run`. */
export function createMonitors(options: Options): Monitors {
  const { client, clock, logger, onChange, shared } = options
  const monitors = new Map<string, Monitor>()
  let resources: readonly DiscoveredResource[] = []
  let isFirstDone: () => void = () => {}
  const firstDone = new Promise<void>((resolve) => {
    isFirstDone = resolve
  })
  const start = (resource: DiscoveredResource, signal: AbortSignal): Monitor => {
    const known = shared(resource)
    const informer = known ?? createInformer({ client, clock, logger, ref: resource })
    const stop = new AbortController()
    informer.onChange((change) => onChange(resource, change))
    if (known !== undefined) return { informer, stop }
    const linked = linkSignals([signal, stop.signal])
    // An informer ends only when it is stopped, and that is no failure.
    informer.run(linked.signal).then(linked.unlink, linked.unlink)
    return { informer, stop }
  }
  const update = async (signal: AbortSignal): Promise<void> => {
    const found = await discover(client, signal)
    const wanted = new Map(found.resources.filter(isCollectable).map((resource) => [keyOf(resource), resource]))
    resources = found.resources
    for (const [key, resource] of wanted) if (!monitors.has(key)) monitors.set(key, start(resource, signal))
    for (const [key, { informer, stop }] of monitors) {
      // A group that did not answer may only be down: what is known of it stays.
      if (wanted.has(key) || found.failures.length > 0) continue
      stop.abort(new Error('the kind is gone'))
      monitors.delete(key)
      logger.info('Stopped following a kind', { resource: key, objects: informer.list().length })
    }
  }
  return {
    resources: () => resources,
    run: async (signal) => {
      for (;;) {
        try {
          await update(signal)
          isFirstDone()
          await clock.sleep(rediscoverMs, signal)
        } catch (error) {
          signal.throwIfAborted()
          logger.debug('Discovery not complete', { error })
          await clock.sleep(1_000, signal)
        }
      }
    },
    whenSynced: async (signal) => {
      await Promise.race([firstDone, aborted(signal)])
      signal.throwIfAborted()
      await withDeadline(signal, syncLimitMs, async (limit) => {
        const waits = [...monitors.values()].map(async ({ informer }) => await informer.whenSynced(limit))
        await Promise.allSettled(waits)
      })
      signal.throwIfAborted()
    },
  }
}

function isCollectable(resource: DiscoveredResource): boolean {
  const { verbs } = resource
  if (ignored.has(resourceText(resource))) return false
  return verbs.includes('delete') && verbs.includes('list') && verbs.includes('watch')
}

function keyOf({ group, version, plural }: DiscoveredResource): string {
  return `${plural}.${version}.${group}`
}
