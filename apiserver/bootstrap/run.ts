/** Writes what every cluster starts with, and keeps what clients and other servers rely on. */
import { setMaxListeners } from 'node:events'
import { sameJson } from '../../api/meta/causes.ts'
import type { ApiObject } from '../../api/resource.ts'
import { formatTime } from '../../apimachinery/time.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logger.ts'
import type { Access } from '../access.ts'
import { type Config, serviceRanges } from '../config.ts'
import type { ResourceRegistry } from '../registry/resource-registry.ts'
import type { Store } from '../registry/store.ts'
import type { WatchCache } from '../storage/watch-cache.ts'
import { apiServices } from './api-services.ts'
import { mergeAuthenticationData } from './authentication-info.ts'
import { apiserverUser, apiserverWrite, ensure, ensureAll } from './ensure.ts'
import {
  authenticationConfigMap,
  kubernetesService,
  namespaceObject,
  priorityClasses,
  serviceCidr,
  systemNamespaces,
  tokenTrackingConfigMap,
} from './objects.ts'
import { ensureRbac } from './rbac.ts'

export type BootstrapOptions = {
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly access: Access
  readonly store: Store
  readonly caches: WatchCache
  readonly resources: ResourceRegistry
  readonly port: number
  /** Told once, after the first complete pass. */
  readonly onDone: () => void
}

/** Source: `DefaultEndpointReconcilerInterval`. */
const everyMs = 10_000
const retryMs = 500

/** Runs until `signal` aborts. A store that is away for a while only delays it. */
export async function runBootstrap(options: BootstrapOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, caches, store } = options
  // Many writes at once listen to it.
  setMaxListeners(0, signal)
  while (!caches.isLoaded) await clock.sleep(5, signal)
  let done = false
  for (;;) {
    try {
      await writeAlways(options, signal)
      if (!done) {
        await ensureAll(store, priorityClasses, signal)
        await ensureRbac(store, signal)
        done = true
        options.onDone()
        await writeApiServices(options, signal)
      }
    } catch (error) {
      signal.throwIfAborted()
      logger.error('Could not write bootstrap objects', { error })
      await clock.sleep(retryMs, signal)
      continue
    }
    await clock.sleep(everyMs, signal)
  }
}

/** What is put back when someone deletes it. */
async function writeAlways(
  { config, access, store, port, clock }: BootstrapOptions,
  signal: AbortSignal,
): Promise<void> {
  await ensureAll(store, systemNamespaces.map(namespaceObject), signal)
  await ensureAll(store, [kubernetesService(access.kubernetesServiceIp, port)], signal)
  await writeServiceCidr(serviceRanges(config.flags), store, clock.now(), signal)
  await ensureAll(store, [tokenTrackingConfigMap(clock.now())], signal)
  const trusted = access.authenticationData()
  if (Object.keys(trusted).length > 0) await writeTrusted(trusted, store, clock.now(), signal)
}

/** Whom this server trusts, added to whom the others do. */
async function writeTrusted(
  trusted: Readonly<Record<string, string>>,
  store: Store,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  const change = (current: ApiObject & { readonly data?: Readonly<Record<string, string>> }): ApiObject => {
    const data = mergeAuthenticationData(current.data ?? {}, trusted, nowMs)
    const next: ApiObject & { readonly data: object } = { ...current, data }
    return sameJson(current.data ?? {}, data) ? current : next
  }
  await ensure(store, authenticationConfigMap(trusted), change, signal)
}

/** The default ServiceCIDR is ours to make, to widen by a second family and to call ready; other ranges are not ours to change. */
async function writeServiceCidr(
  cidrs: readonly string[],
  store: Store,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  await ensure(store, serviceCidr(cidrs), (current) => toDualStack(current, cidrs), signal)
  const resource = store.resource('networking.k8s.io', 'servicecidrs')
  if (resource === undefined) return
  const message = 'Kubernetes default Service CIDR is ready'
  const ready = { type: 'Ready', status: 'True', reason: '', message, lastTransitionTime: formatTime(nowMs) }
  const withStatus = (current: ApiObject): ApiObject => {
    const next: ApiObject & { readonly status: object } = { ...current, status: { conditions: [ready] } }
    const isOurs = current.metadata.deletionTimestamp === undefined && sameJson(cidrsOf(current), cidrs)
    return hasConditions(current) || !isOurs ? current : next
  }
  const options = { user: apiserverUser, subresource: 'status', ...apiserverWrite }
  await store.update(resource, { namespace: '', name: 'kubernetes' }, withStatus, options, signal)
}

/** Source: upstream's `defaultservicecidr` controller. */
function toDualStack(current: ApiObject, cidrs: readonly string[]): ApiObject {
  const before = cidrsOf(current)
  if (before.length !== 1 || cidrs.length !== 2 || before[0] !== cidrs[0]) return current
  const next: ApiObject & { readonly spec: object } = { ...current, spec: { cidrs } }
  return next
}

function cidrsOf(object: ApiObject & { readonly spec?: { readonly cidrs?: readonly string[] } }): readonly string[] {
  return object.spec?.cidrs ?? []
}

/** Nobody waits for these, so they come last. */
async function writeApiServices({ resources, store, clock }: BootstrapOptions, signal: AbortSignal): Promise<void> {
  const resource = store.resource('apiregistration.k8s.io', 'apiservices')
  if (resource === undefined) return
  for (const object of apiServices(resources.groups(), formatTime(clock.now()))) {
    await ensureAll(store, [object], signal)
    const key = { namespace: '', name: object.draft.metadata.name }
    const withStatus = (current: ApiObject): ApiObject => {
      const next: ApiObject & { readonly status: object } = { ...current, status: object.status }
      return hasConditions(current) ? current : next
    }
    await store.update(
      resource,
      key,
      withStatus,
      { user: apiserverUser, subresource: 'status', ...apiserverWrite },
      signal,
    )
  }
}

function hasConditions(object: ApiObject & { readonly status?: { readonly conditions?: readonly object[] } }): boolean {
  return (object.status?.conditions ?? []).length > 0
}
