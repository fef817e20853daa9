/** The resource quota controller: keeps `status.used` right when objects go. The API server itself refuses what is too much. */

import type { Pod, ResourceQuota } from '../../api/core/v1.ts'
import { resourceFacts } from '../../api/facts/resources.ts'
import type { ApiObject } from '../../api/resource.ts'
import { objectKey } from '../../apimachinery/brand.ts'
import type { Client } from '../../client/rest/client.ts'
import type { ResourceRef } from '../../client/rest/resource-refs.ts'
import * as refs from '../../client/rest/resource-refs.ts'
import { runAll, type Task } from '../../component-base/run.ts'
import { type ControllerContext, controllerTask, newQueue, reportTo } from '../context.ts'
import { discover } from '../discovery.ts'
import { whenShown, withIndex } from '../informers.ts'
import { isTerminal } from '../pod/activity.ts'
import { isSame } from '../pod/canonical-json.ts'
import { followKinds } from './kinds.ts'
import { type Counted, type Kind, kindsOf, quotaStatus } from './plan.ts'

/** Everything is counted anew after this long, as upstream does. */
const resyncMs = 300_000

function hasDeadline({ spec }: Pod): boolean {
  return spec.activeDeadlineSeconds !== undefined
}

type Observed = { readonly quota: ResourceQuota }
type Action = { readonly type: 'recount'; readonly quota: ResourceQuota }

/** Wires the controller. */
export function startResourceQuotaController(context: ControllerContext): Task {
  const { client, config, informers, logger } = context
  const quotas = withIndex(informers.of(refs.resourceQuotas), 'namespace', ({ metadata }) => [metadata.namespace ?? ''])
  const queue = newQueue(context)
  const wakeNamespace = ({ metadata }: ApiObject): void => {
    for (const quota of quotas.byIndex('namespace', metadata.namespace ?? '')) queue.add(objectKey(quota))
  }
  quotas.onChange(({ type, object }) => {
    // What the API server adds to `used` comes a moment before the object: counted then, the object would be forgotten for minutes.
    if (type !== 'updated' || !isSame(object.status.hard ?? {}, object.spec.hard ?? {})) queue.add(objectKey(object))
  })
  const kinds = followKinds(context, {
    onDelete: wakeNamespace,
    onFilled: () => {
      for (const quota of quotas.list()) queue.add(objectKey(quota))
    },
  })
  const pods = informers.of(refs.pods)
  pods.onChange((change) => {
    const hasEnded = change.type === 'updated' && isTerminal(change.object) && !isTerminal(change.old)
    // A pod that gets a deadline leaves the scope of one quota for that of another.
    const changesScope = change.type === 'updated' && hasDeadline(change.object) !== hasDeadline(change.old)
    if (hasEnded || changesScope) wakeNamespace(change.object)
  })
  const work = controllerTask<Observed, Action>(
    [quotas, pods],
    {
      name: 'resource-quota',
      queue,
      observe: (key) => {
        const quota = quotas.get(key)
        return quota === undefined ? undefined : { quota }
      },
      plan: ({ quota }) => ({
        actions: quota.metadata.deletionTimestamp === undefined ? [{ type: 'recount', quota }] : [],
        requeueAfterMs: resyncMs,
      }),
      apply: async ({ quota }, signal) => {
        const status = quotaStatus(quota, await countKinds(client, quota, kinds.follow, signal))
        if (isSame(status, quota.status)) return
        const written = await client.updateStatus(refs.resourceQuotas, { ...quota, status }, signal)
        await whenShown(quotas, written, signal)
      },
      report: reportTo(logger, 'resource-quota'),
    },
    config.concurrentSyncs.resourceQuota,
  )
  return async (signal) => await runAll(signal, { kinds: kinds.run, workers: work })
}

/** The objects of every kind that the quota counts, as the server has them now; the kinds are followed from now on. */
async function countKinds(
  client: Client,
  quota: ResourceQuota,
  follow: (kind: ResourceRef<ApiObject>) => void,
  signal: AbortSignal,
): Promise<readonly Counted[]> {
  const namespace = quota.metadata.namespace ?? ''
  const counted: Counted[] = []
  for (const kind of kindsOf(quota)) {
    const ref = await refOf(client, kind, signal)
    if (ref !== undefined) follow(ref)
    // A kind that the server does not have has no objects.
    const objects = ref === undefined ? [] : (await client.list(ref, { namespace }, signal)).items
    counted.push({ kind, objects })
  }
  return counted
}

async function refOf(
  client: Client,
  { group, plural }: Kind,
  signal: AbortSignal,
): Promise<ResourceRef<ApiObject> | undefined> {
  const known = resourceFacts.find((facts) => facts.group === group && facts.plural === plural)
  if (known !== undefined) return known
  const { resources } = await discover(client, signal)
  return resources.find((resource) => resource.group === group && resource.plural === plural)
}
