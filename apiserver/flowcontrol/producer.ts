/** Puts the bootstrap configuration into the cluster, and puts it back every minute. Source: upstream's config producer. */
import { factsOf } from '../../api/facts/resources.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { hasReason } from '../../apimachinery/status.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { forEachLimited } from '../../component-base/run.ts'
import { loopbackUser } from '../authn/user.ts'
import type { ObjectReader } from '../registry/reader.ts'
import type { Store } from '../registry/store.ts'
import { draftOf, revise, unwanted } from './configuration.ts'
import { bootstrapConfiguration, type ConfigurationObject } from './suggested.ts'

export const group = 'flowcontrol.apiserver.k8s.io'
const write = { user: loopbackUser, fieldManager: 'api-priority-and-fairness-config-producer-v1' }
const everyMs = 60_000
const retryMs = 1_000
/** Writes at once, so that a slow disk is waited for once. */
const parallel = 32
const plurals = ['flowschemas', 'prioritylevelconfigurations'] as const

export type ProducerOptions = {
  readonly store: Store
  readonly reader: ObjectReader
  readonly clock: Clock
  readonly logger: Logger
  /** Told after each complete pass. */
  readonly onDone: () => void
}

/** Runs until `signal` aborts. */
export async function runProducer(options: ProducerOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, onDone } = options
  for (;;) {
    try {
      await ensureConfiguration(options, signal)
      onDone()
    } catch (error) {
      signal.throwIfAborted()
      logger.error('Could not write the flow control configuration', { error })
      await clock.sleep(retryMs, signal)
      continue
    }
    await clock.sleep(everyMs, signal)
  }
}

/** One pass: creates, revises, removes. */
export async function ensureConfiguration(options: Pick<ProducerOptions, 'store' | 'reader'>, signal: AbortSignal) {
  const { store, reader } = options
  await forEachLimited(bootstrapConfiguration, parallel, async (object) => await ensureOne(store, object, signal))
  for (const plural of plurals) {
    const wanted = bootstrapConfiguration.filter((object) => object.plural === plural)
    const resource = served(store, plural)
    for (const object of unwanted(reader.list(factsOf(group, plural)), wanted)) {
      await store.delete(resource, keyOf(object), write, signal).catch(ignore('NotFound'))
    }
  }
}

async function ensureOne(store: Store, wanted: ConfigurationObject, signal: AbortSignal): Promise<void> {
  const resource = served(store, wanted.plural)
  const key = { namespace: '', name: wanted.name }
  const current = await store.get(resource, key, signal).catch(ignore('NotFound'))
  if (current === undefined) {
    await store.create(resource, '', draftOf(wanted), write, signal).catch(ignore('AlreadyExists'))
  } else if (revise(current, wanted) !== current) {
    // Who changes it meanwhile is not overruled: the next pass looks again.
    await store.update(resource, key, () => revise(current, wanted), write, signal).catch(ignore('Conflict'))
  }
}

function ignore(reason: 'NotFound' | 'AlreadyExists' | 'Conflict'): (error: unknown) => undefined {
  return (error) => {
    if (!hasReason(error, reason)) throw error
  }
}

function keyOf({ metadata }: ApiObject): { readonly namespace: string; readonly name: string } {
  return { namespace: '', name: metadata.name }
}

function served(store: Store, plural: string): Resource {
  const resource = store.resource(group, plural)
  if (resource === undefined) throw new TypeError(`${plural}.${group} is not served`)
  return resource
}
