/** Puts flow control together from the flags: priority and fairness, or two plain limits, or none. */
import type { Schemas } from '../../apimachinery/schema/schema.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Registry } from '../../component-base/metrics.ts'
import { aborted, runAll } from '../../component-base/run.ts'
import type { FlowControl } from '../http/flow-control.ts'
import type { RequestInfo } from '../http/request-info.ts'
import { storagePrefix } from '../registry/keys.ts'
import type { ObjectReader } from '../registry/reader.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Store } from '../registry/store.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { runConsumer } from './consumer.ts'
import { debugPage } from './debug-pages.ts'
import { FlowController } from './flow-controller.ts'
import { createInFlightLimiter } from './in-flight-limiter.ts'
import { registerFlowMetrics } from './metrics.ts'
import { runProducer } from './producer.ts'
import type { StoredObjects } from './work.ts'

export type FlowControlOptions = {
  readonly flags: {
    readonly 'enable-priority-and-fairness': boolean
    readonly 'max-requests-inflight': number
    readonly 'max-mutating-requests-inflight': number
  }
  readonly caches: WatchCache
  readonly resources: ResourceRegistry
  readonly schemas: Schemas
  readonly reader: ObjectReader
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
}

export type StartedFlowControl = {
  readonly control: FlowControl
  readonly register: (registry: Registry) => void
  /** The text of a debug page. */
  readonly page: (path: string, query: URLSearchParams) => string | undefined
  /** Whether the configuration objects were written once. */
  readonly isConfigured: () => boolean
  readonly run: (signal: AbortSignal) => Promise<void>
}

/** Makes flow control; it works at once, with what is mandatory, and follows the cluster's objects while it runs. */
export function createFlowControl(options: FlowControlOptions): StartedFlowControl {
  const { flags, caches, clock } = options
  const reading = flags['max-requests-inflight']
  const changing = flags['max-mutating-requests-inflight']
  let isConfigured = false
  const produce = async (signal: AbortSignal): Promise<void> => {
    while (!caches.isLoaded) await clock.sleep(5, signal)
    const onDone = (): void => {
      isConfigured = true
    }
    await runProducer({ ...options, onDone }, signal)
  }
  const common = { isConfigured: () => isConfigured }
  if (!flags['enable-priority-and-fairness'] || reading + changing === 0) {
    return {
      ...common,
      control: createInFlightLimiter({ reading, changing }),
      register: () => {},
      page: () => undefined,
      run: async (signal) => await runAll(signal, { producer: produce, idle: aborted }),
    }
  }
  const storedObjects = (info: RequestInfo): StoredObjects | undefined => storedOf(options, info)
  const controller = new FlowController({ clock, serverSeats: reading + changing, storedObjects })
  return {
    ...common,
    control: controller,
    register: (registry) => registerFlowMetrics(registry, controller),
    page: (path, query) => debugPage(controller, path, query),
    run: async (signal) =>
      await runAll(signal, {
        producer: produce,
        consumer: async (end) => await runConsumer({ ...options, controller }, end),
        controller: async (end) => await controller.run(end),
      }),
  }
}

function storedOf({ caches, resources }: FlowControlOptions, info: RequestInfo): StoredObjects | undefined {
  const resource = resources.get(info.group, info.version, info.resource)
  if (resource?.facts.storagePrefix === undefined) return undefined
  const cache = caches.cache(storagePrefix(resource))
  return { count: cache.size, bytes: cache.bytes }
}
