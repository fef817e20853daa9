/**
 * ResourceQuota: a write that would use more of a namespace than its quotas allow is refused. What is used is counted from
 * the live objects each time, plus the writes under way, so nothing has to be given back after a failure.
 */

import { quantityOf } from '../../api/core/pod-resources.ts'
import {
  type Amounts,
  addAmounts,
  formatAmounts,
  isInScope,
  missingAmounts,
  usageOf,
} from '../../api/core/quota-usage.ts'
import type { Pod, ResourceQuota } from '../../api/core/v1.ts'
import type { ApiObject, Resource } from '../../api/resource.ts'
import { compareQuantities, formatQuantity, type Quantity, subQuantities } from '../../apimachinery/quantity.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { ObjectReader } from '../registry/reader.ts'
import { kinds, readAll } from '../registry/typed-reader.ts'
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts'
import { isAbout, newObject, refuse } from './request.ts'

/** A write that was admitted and does not show in the cache yet. */
type Pending = {
  readonly resource: Resource
  readonly object: ApiObject
  readonly untilMs: number /** The version that an update replaces: as long as it is shown, the update is not. */
  readonly replaces?: string
}

export type QuotaOptions = {
  readonly reader: ObjectReader
  readonly clock: Clock
  /** All kinds whose objects may count: `count/deployments.apps` names any. */
  readonly resource: (group: string, plural: string) => Resource | undefined
  /** Writes `status` of a quota; a failure is not the writer's. */
  readonly writeStatus: (quota: ResourceQuota, signal: AbortSignal) => Promise<void>
}

/** Longer than any write takes. */
const pendingMs = 15_000

/** The plugin; it runs last, when everything about the object is decided. */
export function resourceQuota(options: QuotaOptions): AdmissionPlugin {
  const pending = new Map<string, Pending>()
  return {
    name: 'ResourceQuota',
    concerns: ({ operation, subresource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') && (subresource === '' || subresource === 'resize'),
    validate: async (request, signal) => {
      // What has no store is not counted: bindings, reviews.
      if (request.namespace === '' || request.object === undefined || request.view !== undefined) return
      const { object } = request
      const quotas = readAll(options.reader, kinds.resourceQuotas, request.namespace).filter(
        (quota) => isInScope(quota, request.resource, object) && limitsAny(quota, usageOf(request.resource, object)),
      )
      if (quotas.length === 0) return
      dropOld(pending, options)
      const statuses = quotas.map((quota) => checkQuota(options, pending, { ...request, object }, quota))
      if (request.dryRun) return
      const { resource, oldObject } = request
      const replaces = oldObject?.metadata.resourceVersion
      const untilMs = options.clock.now() + pendingMs
      pending.set(keyOf(request), { resource, object, untilMs, ...(replaces === undefined ? {} : { replaces }) })
      for (const quota of statuses) await options.writeStatus(quota, signal)
    },
    settled: (request, outcome) => {
      if (outcome === 'failed') pending.delete(keyOf(request))
    },
  }
}

function keyOf({ resource, namespace, name, object }: AdmissionRequest): string {
  return objectKeyOf(resource, namespace, object?.metadata.name ?? name)
}

function objectKeyOf({ facts }: Resource, namespace: string, name: string): string {
  return `${facts.group}/${facts.plural}/${namespace}/${name}`
}

function dropOld(pending: Map<string, Pending>, { reader, clock }: QuotaOptions): void {
  for (const [key, { resource, object, untilMs, replaces }] of pending) {
    const { namespace = '', name, uid } = object.metadata
    const shown = reader.get(resource.facts, namespace, name)?.metadata
    const isShown = shown?.uid === uid && shown.resourceVersion !== replaces
    if (untilMs < clock.now() || isShown) pending.delete(key)
  }
}

function limitsAny({ spec }: ResourceQuota, usage: Amounts): boolean {
  return Object.keys(spec?.hard ?? {}).some((name) => usage.has(name) || isCompute(name))
}

function isCompute(name: string): boolean {
  return /^((requests|limits)\.)?(cpu|memory|ephemeral-storage)$/.test(name)
}

/** Refuses, or returns the quota with what is used once the write is done. */
function checkQuota(
  options: QuotaOptions,
  pending: ReadonlyMap<string, Pending>,
  request: AdmissionRequest & { readonly object: ApiObject },
  quota: ResourceQuota,
): ResourceQuota {
  const hard = quota.spec?.hard ?? {}
  refuseUnstated(request, quota, Object.keys(hard))
  const used = usedBy(options, pending, quota, keyOf(request))
  const { oldObject: old } = request
  // An object that was out of the quota's scope until now is new to it.
  const isOldCounted = old !== undefined && isInScope(quota, request.resource, old)
  const before = isOldCounted ? usageOf(request.resource, old) : new Map<string, Quantity>()
  const added = increase(usageOf(request.resource, request.object), before)
  const others = isOldCounted ? subtract(used, before) : used
  const after = addAmounts(addAmounts(others, before), added)
  const exceeded = Object.entries(hard).filter(([name, limit]) => {
    const total = after.get(name)
    return added.has(name) && total !== undefined && compareQuantities(total, quantityOf(limit)) > 0
  })
  if (exceeded.length > 0) throw refuseExceeded(request, quota, exceeded, added, addAmounts(others, before))
  const usedText = Object.keys(hard).map((name) => [name, formatQuantity(after.get(name) ?? quantityOf('0'))])
  return { ...quota, status: { ...quota.status, hard, used: Object.fromEntries(usedText) } }
}

function refuseUnstated(request: AdmissionRequest, quota: ResourceQuota, limited: readonly string[]): void {
  if (request.operation !== 'CREATE' || !isAbout(request, kinds.pods)) return
  const pod = newObject(request, kinds.pods) as Pod
  const missing = missingAmounts(pod, limited)
  if (missing.length === 0) return
  throw refuse(request, `failed quota: ${quota.metadata.name}: must specify ${missing.join('; ')}`)
}

/** What live objects and writes under way use, of the names that the quota limits. */
function usedBy(
  { reader, resource }: QuotaOptions,
  pending: ReadonlyMap<string, Pending>,
  quota: ResourceQuota,
  ownKey: string,
): Amounts {
  const namespace = quota.metadata.namespace ?? ''
  const counted = resourcesOf(Object.keys(quota.spec?.hard ?? {}), resource)
  const isReplaced = (kind: Resource, { metadata }: ApiObject): boolean => {
    const key = objectKeyOf(kind, namespace, metadata.name)
    return key !== ownKey && pending.has(key)
  }
  const live = counted.flatMap((kind) =>
    reader
      .list(kind.facts, namespace)
      .filter((object) => !isReplaced(kind, object))
      .map((object) => ({ resource: kind, object })),
  )
  const waiting = [...pending]
    .filter(([key, { object }]) => key !== ownKey && (object.metadata.namespace ?? '') === namespace)
    .map(([, value]) => value)
  return [...live, ...waiting]
    .filter((one) => isInScope(quota, one.resource, one.object))
    .map((one) => usageOf(one.resource, one.object))
    .reduce(addAmounts, new Map())
}

/** The kinds that a quota's names are about. */
function resourcesOf(names: readonly string[], resource: QuotaOptions['resource']): readonly Resource[] {
  const found = new Map<string, Resource>()
  for (const name of names) {
    const [plural = '', ...group] = pluralOf(name).split('.')
    const kind = resource(group.join('.'), plural)
    if (kind !== undefined) found.set(`${kind.facts.group}/${kind.facts.plural}`, kind)
  }
  return [...found.values()]
}

function pluralOf(name: string): string {
  if (name.startsWith('count/')) return name.slice('count/'.length)
  if (name === 'requests.storage' || name.includes('.storageclass.storage.k8s.io/')) return 'persistentvolumeclaims'
  if (name.startsWith('services')) return 'services'
  if (['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas', 'persistentvolumeclaims'].includes(name)) {
    return name
  }
  return 'pods'
}

/** What is more than before; nothing for what is less. */
function increase(after: Amounts, before: Amounts): Amounts {
  const result = new Map<string, Quantity>()
  for (const [name, value] of after) {
    const old = before.get(name)
    if (old === undefined) result.set(name, value)
    else if (compareQuantities(value, old) > 0) result.set(name, subQuantities(value, old))
  }
  return result
}

function subtract(from: Amounts, amounts: Amounts): Amounts {
  const result = new Map(from)
  for (const [name, value] of amounts) {
    const before = result.get(name)
    if (before !== undefined) result.set(name, subQuantities(before, value))
  }
  return result
}

function refuseExceeded(
  request: AdmissionRequest,
  quota: ResourceQuota,
  exceeded: readonly (readonly [string, string])[],
  added: Amounts,
  used: Amounts,
): Error {
  const pick = (amounts: Amounts): string =>
    formatAmounts(new Map(exceeded.map(([name]) => [name, amounts.get(name) ?? quantityOf('0')])))
  const limited = formatAmounts(new Map(exceeded.map(([name, limit]) => [name, quantityOf(limit)])))
  return refuse(
    request,
    `exceeded quota: ${quota.metadata.name}, requested: ${pick(added)}, used: ${pick(used)}, limited: ${limited}`,
  )
}
