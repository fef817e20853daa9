/**
 * Follows CustomResourceDefinitions: what is established is served, at once and after a restart; conditions are written; the
 * objects of a definition that goes away are deleted before it.
 *
 *   watch cache ──▶ serve() at once: ResourceRegistry, Schemas, scale handlers
 *              └──▶ settle() later:  conditions (status.ts), clean-up
 */
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '../../api/apiextensions/v1.ts'
import type { APIService } from '../../api/apiregistration/v1.ts'
import { factsOf } from '../../api/facts/resources.ts'
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { setCondition } from '../../apimachinery/conditions.ts'
import type { Struct } from '../../apimachinery/schema/schema.ts'
import { hasReason } from '../../apimachinery/status.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import { apiserverUser } from '../bootstrap/ensure.ts'
import { timeLimit } from '../cel/time-limit.ts'
import { storageKey } from '../registry/keys.ts'
import type { ObjectReader } from '../registry/reader.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Store } from '../registry/store.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import type { SubresourceHandler } from '../subresources/subresource.ts'
import { apiServiceFacts, applyApiService, planApiServices } from './api-services.ts'
import { webhookConversion } from './conversion.ts'
import { type CustomVersion, customPrefix, customVersions } from './resource.ts'
import { customScaleHandler } from './scale.ts'
import { isEstablished, nextStatus } from './status.ts'

type Crd = CustomResourceDefinition

export type CustomResourcesOptions = {
  readonly resources: ResourceRegistry
  /** The compiled definitions of the server; those of custom kinds are added and removed here. */
  readonly structs: Map<string, Struct>
  readonly caches: WatchCache
  readonly reader: ObjectReader
  readonly store: Store
  readonly random: () => number
  readonly clock: Clock
  readonly logger: Logger
}

export type CustomResources = {
  /** The scale handler of a custom kind by `group/plural/scale`. */
  readonly subresources: { readonly get: (key: string) => SubresourceHandler | undefined }
  /** Whether all kinds that were there at the start are served. */
  readonly isReady: () => boolean
  readonly run: (signal: AbortSignal) => Promise<void>
}

const crdFacts = factsOf('apiextensions.k8s.io', 'customresourcedefinitions')
const finalizer = 'customresourcecleanup.apiextensions.k8s.io'
const retryMs = 200
const waitForInstancesMs = 100

/** What is served of one definition, and what it was made from. */
type Served = { readonly crd: Crd; readonly versions: readonly CustomVersion[] }

/** Creates the follower; nothing is served before `run`. */
export function createCustomResources(options: CustomResourcesOptions): CustomResources {
  const follower = new Follower(options)
  return {
    subresources: { get: (key) => follower.scale.get(key) },
    isReady: () => follower.isReady,
    run: async (signal) => await follower.run(signal),
  }
}

class Follower {
  readonly scale = new Map<string, SubresourceHandler>()
  readonly #options: CustomResourcesOptions
  readonly #served = new Map<string, Served>()
  readonly #cleaning = new Set<string>()
  isReady = false
  #dirty = true
  #wake: () => void = () => {}

  constructor(options: CustomResourcesOptions) {
    this.#options = options
  }

  async run(signal: AbortSignal): Promise<void> {
    const { caches, clock, logger } = this.#options
    const look = (): void => {
      this.#dirty = true
      this.#wake()
    }
    const onChange = (): void => {
      this.#serve()
      look()
    }
    const follow = (prefix: string, onBatchEnd: () => void): (() => void) =>
      caches.cache(prefix).observe({ onEvent: () => {}, onBatchEnd, onReset: onBatchEnd, onBookmark: () => {} })
    const stops = [follow(crdFacts.storagePrefix ?? '', onChange), follow(apiServiceFacts.storagePrefix ?? '', look)]
    signal.addEventListener('abort', () => this.#wake(), { once: true })
    try {
      while (!signal.aborted) {
        if (!this.#dirty || !caches.isLoaded) await this.#changed()
        this.#dirty = false
        if (!caches.isLoaded || signal.aborted) continue
        this.#serve()
        this.isReady = true
        try {
          await this.#settle(signal)
        } catch (error) {
          if (signal.aborted) break
          logger.error('Could not write the status of CustomResourceDefinitions', { error })
          this.#dirty = true
          await clock.sleep(retryMs, signal).catch(() => {})
        }
      }
    } finally {
      for (const stop of stops) stop()
    }
  }

  async #changed(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
  }

  #definitions(): readonly Crd[] {
    return this.#options.reader.list(crdFacts) as unknown as readonly Crd[]
  }

  /** Brings what is served in line with the definitions. */
  #serve(): void {
    const wanted = new Map(
      this.#definitions()
        .filter(isEstablished)
        .map((crd) => [crd.metadata.name, crd]),
    )
    for (const [name, served] of this.#served) {
      const crd = wanted.get(name)
      if (crd === undefined || !isSame(served.crd, crd)) this.#remove(served, crd)
    }
    for (const crd of wanted.values()) {
      if (!this.#served.has(crd.metadata.name)) this.#add(crd)
    }
  }

  #add(crd: Crd): void {
    const { resources, structs, reader, random, clock, logger } = this.#options
    try {
      const versions = customVersions({ structs }, crd, webhookConversion(crd, reader, random), timeLimit(clock))
      for (const { resource, struct, served, scale } of versions) {
        if (!served) continue
        structs.set(struct.name, struct)
        resources.set(resource)
        if (scale !== undefined) this.#addScale(resource)
      }
      this.#served.set(crd.metadata.name, { crd, versions })
    } catch (error) {
      logger.error('Could not serve a CustomResourceDefinition', { name: crd.metadata.name, error })
      this.#served.set(crd.metadata.name, { crd, versions: [] })
    }
  }

  #addScale({ facts: { group, plural } }: Resource): void {
    const find = (...[, version]: readonly [string, string, string]): ReturnType<typeof this.findScale> =>
      this.findScale(group, version, plural)
    this.scale.set(`${group}/${plural}/scale`, customScaleHandler(group, plural, find))
  }

  /** The version of a custom kind that has a scale. */
  findScale(
    group: string,
    version: string,
    plural: string,
  ): { resource: Resource; paths: NonNullable<CustomVersion['scale']> } | undefined {
    const versions = this.#served.get(`${plural}.${group}`)?.versions ?? []
    const found = versions.find(({ resource, served }) => served && resource.facts.version === version)
    return found?.scale === undefined ? undefined : { resource: found.resource, paths: found.scale }
  }

  #remove({ crd, versions }: Served, next: Crd | undefined): void {
    const { resources, structs, caches } = this.#options
    for (const { resource, struct } of versions) {
      resources.remove(resource)
      structs.delete(struct.name)
      this.scale.delete(`${resource.facts.group}/${resource.facts.plural}/scale`)
    }
    this.#served.delete(crd.metadata.name)
    // Watchers would go on in the old form.
    if (next === undefined || !sameJson(next.spec, crd.spec)) caches.endWatches(customPrefix(crd))
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const all = this.#definitions()
    for (const crd of all) {
      const { name, deletionTimestamp } = crd.metadata
      if (deletionTimestamp !== undefined) {
        this.#startCleaning(crd, signal)
        continue
      }
      const others = all.filter((other) => other !== crd && other.spec.group === crd.spec.group)
      const time = formatTime(this.#options.clock.now())
      if (sameJson(nextStatus(crd, others, time), crd.status)) continue
      await this.#update(
        name,
        'status',
        (current) => ({ ...current, status: nextStatus(current, others, time) }),
        signal,
      )
      // What comes next depends on what has just been written.
      this.#dirty = true
      return
    }
    await this.#register(all, signal)
  }

  /** The APIServices of custom groups. */
  async #register(definitions: readonly Crd[], signal: AbortSignal): Promise<void> {
    const { reader, store } = this.#options
    const services = reader.list(apiServiceFacts) as unknown as readonly APIService[]
    for (const action of planApiServices(definitions, services)) await applyApiService(store, action, signal)
  }

  async #update(name: string, subresource: string, change: (crd: Crd) => Crd, signal: AbortSignal): Promise<void> {
    const { store, resources } = this.#options
    const resource = resources.get(crdFacts.group, crdFacts.version, crdFacts.plural)
    if (resource === undefined) return
    const apply = (current: ApiObject): ApiObject => change(current as unknown as Crd) as unknown as ApiObject
    try {
      const options = { user: apiserverUser, subresource, fieldManager: 'kube-apiserver' }
      await store.update(resource, { namespace: '', name }, apply, options, signal)
      await this.#options.caches.fresh()
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error
    }
  }

  #startCleaning(crd: Crd, signal: AbortSignal): void {
    const { uid, finalizers, name } = crd.metadata
    if (this.#cleaning.has(uid) || finalizers?.includes(finalizer) !== true) return
    this.#cleaning.add(uid)
    const { logger, clock } = this.#options
    this.#clean(crd, signal)
      .catch(async (error: unknown) => {
        if (signal.aborted) return
        logger.error('Could not remove the objects of a CustomResourceDefinition', { name, error })
        await clock.sleep(retryMs, signal).catch(() => {})
      })
      .finally(() => {
        this.#cleaning.delete(uid)
        this.#dirty = true
        this.#wake()
      })
  }

  /** Deletes all objects, waits until they are gone, then lets the definition go. */
  async #clean(crd: Crd, signal: AbortSignal): Promise<void> {
    const { name } = crd.metadata
    const terminating = { type: 'Terminating', status: 'True' }
    if (isEstablished(crd)) {
      const begun = { reason: 'InstanceDeletionInProgress', message: 'CustomResource deletion is in progress' }
      await this.#setCondition(name, { ...terminating, ...begun }, signal)
      await this.#deleteInstances(crd, signal)
      const done = { reason: 'InstanceDeletionCompleted', message: 'removed all instances' }
      await this.#setCondition(name, { type: 'Terminating', status: 'False', ...done }, signal)
    } else {
      const never = { reason: 'NeverEstablished', message: 'resource was never established' }
      await this.#setCondition(name, { type: 'Terminating', status: 'False', ...never }, signal)
    }
    await this.#update(name, '', withoutFinalizer, signal)
  }

  async #setCondition(name: string, condition: CustomResourceDefinitionCondition, signal: AbortSignal): Promise<void> {
    const lastTransitionTime = formatTime(this.#options.clock.now())
    const change = (crd: Crd): Crd => ({
      ...crd,
      status: { ...crd.status, conditions: setCondition(crd.status.conditions, { ...condition, lastTransitionTime }) },
    })
    await this.#update(name, 'status', change, signal)
  }

  async #deleteInstances(crd: Crd, signal: AbortSignal): Promise<void> {
    const { caches, clock, store, structs, reader, random } = this.#options
    const versions = customVersions({ structs }, crd, webhookConversion(crd, reader, random))
    const isStored = ({ resource: { facts, storedAs } }: CustomVersion): boolean =>
      facts.version === storedAs?.facts.version
    const resource = versions.find(isStored)?.resource
    if (resource === undefined) return
    const cache = caches.cache(customPrefix(crd))
    for (;;) {
      await caches.fresh()
      const entries = cache.list(`${customPrefix(crd)}/`)
      if (entries.length === 0) return
      for (const { object } of entries) {
        const { namespace = '', name, deletionTimestamp } = object.metadata
        if (deletionTimestamp !== undefined) continue
        const key = { namespace, name }
        await store.delete(resource, key, { user: apiserverUser }, signal).catch((error: unknown) => {
          if (!hasReason(error, 'NotFound')) throw error
        })
      }
      if (cache.list(storageKey(resource, '', '')).length > 0) await clock.sleep(waitForInstancesMs, signal)
    }
  }
}

/** Only these decide what is served. */
function isSame(a: Crd, b: Crd): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    (a.metadata.deletionTimestamp === undefined) === (b.metadata.deletionTimestamp === undefined) &&
    sameJson(a.spec, b.spec) &&
    sameJson(a.status.acceptedNames, b.status.acceptedNames)
  )
}

function withoutFinalizer(crd: Crd): Crd {
  const finalizers = (crd.metadata.finalizers ?? []).filter((name) => name !== finalizer)
  return { ...crd, metadata: { ...crd.metadata, finalizers } }
}
