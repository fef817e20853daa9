/**
 * Reads FlowSchemas and PriorityLevelConfigurations whenever one changes, hands them to the controller, and writes into each
 * FlowSchema whether its level is there. Source: upstream's config consumer.
 */
import { factsOf } from '../../api/facts/resources.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/flowcontrol/v1.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { JsonObject } from '../../apimachinery/json.ts'
import { applyConfiguration } from '../../apimachinery/patch/apply.ts'
import { type Schemas, structOf } from '../../apimachinery/schema/schema.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { loopbackUser } from '../authn/user.ts'
import { decodeResource } from '../registry/decode.ts'
import { storagePrefix } from '../registry/keys.ts'
import { ignoredFields } from '../registry/managed-fields.ts'
import type { ObjectReader } from '../registry/reader.ts'
import type { Store } from '../registry/store.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { type DanglingCondition, danglingCondition, UpdatePace } from './dangling.ts'
import type { FlowController } from './flow-controller.ts'
import { group } from './producer.ts'

const manager = 'api-priority-and-fairness-config-consumer-v1'
/** How soon changes are answered by conditions; what is in force changes at once. */
const everyMs = 100
/** Between tries of writes that failed, or that would be too many. */
const retryMs = 30_000

export type ConsumerOptions = {
  readonly controller: FlowController
  readonly caches: WatchCache
  readonly reader: ObjectReader
  readonly store: Store
  readonly schemas: Schemas
  readonly clock: Clock
  readonly logger: Logger
}

/** Runs until `signal` aborts. */
export async function runConsumer(options: ConsumerOptions, signal: AbortSignal): Promise<void> {
  const { clock, caches } = options
  while (!caches.isLoaded) await clock.sleep(5, signal)
  let dueMs = 0
  const stop = follow(options, () => {
    dueMs = 0
  })
  const pace = new UpdatePace()
  try {
    for (;;) {
      if (dueMs <= clock.now()) {
        dueMs = Number.POSITIVE_INFINITY
        if (!(await writeConditions(options, pace, signal))) dueMs = clock.now() + retryMs
      }
      await clock.sleep(everyMs, signal)
    }
  } finally {
    stop()
  }
}

/** Configures the controller now and after every change. */
function follow({ controller, caches, reader, store }: ConsumerOptions, changed: () => void): () => void {
  const configure = (): void => {
    controller.configure(levelsOf(reader), schemasOf(reader))
    changed()
  }
  let isDirty = false
  const stops = ['flowschemas', 'prioritylevelconfigurations'].map((plural) =>
    caches.cache(storagePrefix(served(store, plural))).observe({
      onEvent: () => {
        isDirty = true
      },
      onBatchEnd: () => {
        if (isDirty) configure()
        isDirty = false
      },
      onReset: configure,
      onBookmark: () => {},
    }),
  )
  configure()
  return () => {
    for (const stop of stops) stop()
  }
}

/** Whether nothing is left to do. */
async function writeConditions(options: ConsumerOptions, pace: UpdatePace, signal: AbortSignal): Promise<boolean> {
  const { clock, logger, reader } = options
  const levels = new Set(levelsOf(reader).map(({ metadata }) => metadata.name))
  let isDone = true
  for (const schema of schemasOf(reader)) {
    const condition = danglingCondition(schema, levels, formatTime(clock.now()))
    if (condition === undefined) continue
    if (!pace.allows(schema.metadata.name, clock.now())) {
      isDone = false
      continue
    }
    try {
      await writeCondition(options, schema.metadata.name, condition, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (hasReason(error, 'NotFound')) continue
      logger.error('Could not write the status of a FlowSchema', { name: schema.metadata.name, error })
      isDone = false
    }
  }
  return isDone
}

async function writeCondition(
  { store, schemas, clock }: ConsumerOptions,
  name: string,
  condition: DanglingCondition,
  signal: AbortSignal,
): Promise<void> {
  const resource = served(store, 'flowschemas')
  const apiVersion = `${group}/v1`
  const config = { apiVersion, kind: 'FlowSchema', metadata: { name }, status: { conditions: [condition] } }
  const apply = (current: ApiObject): ApiObject => {
    const value = applyConfiguration({
      struct: structOf(schemas, resource.definition),
      // API objects are JSON.
      live: current as unknown as JsonObject,
      config,
      manager,
      apiVersion,
      subresource: 'status',
      ignored: ignoredFields(resource, current, 'status'),
      force: true,
      time: formatTime(clock.now()),
    })
    return decodeResource(schemas, resource, { value, fieldValidation: 'Strict' })
  }
  const write = { user: loopbackUser, subresource: 'status', fieldManager: manager, keepManagedFields: true }
  await store.update(resource, { namespace: '', name }, apply, write, signal)
}

function levelsOf(reader: ObjectReader): readonly PriorityLevelConfiguration[] {
  // Only objects of this kind are under this prefix.
  return reader.list(factsOf(group, 'prioritylevelconfigurations')) as unknown as readonly PriorityLevelConfiguration[]
}

function schemasOf(reader: ObjectReader): readonly FlowSchema[] {
  return reader.list(factsOf(group, 'flowschemas')) as unknown as readonly FlowSchema[]
}

function served(store: Store, plural: string): Resource {
  const resource = store.resource(group, plural)
  if (resource === undefined) throw new TypeError(`${plural}.${group} is not served`)
  return resource
}
