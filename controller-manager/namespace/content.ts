/** Deletes what is in a namespace: pods first, and the rest once they are gone. */
import { hasReason } from '../../apimachinery/status.ts'
import type { Client } from '../../client/rest/client.ts'
import type { Clock } from '../../component-base/clock.ts'
import { forEachLimited } from '../../component-base/run.ts'
import { type DiscoveredResource, type Discovery, groupResourceText } from '../discovery.ts'
import { messageOf } from '../pod/control.ts'
import type { ContentReport } from './conditions.ts'

/** Kinds that are emptied at once. */
const parallelKinds = 8

type Options = {
  readonly client: Client
  readonly namespace: string
  readonly discovery: Discovery
  readonly clock: Clock
}

/** Deletes, then counts what is left. Safe to repeat. */
export async function removeContent(options: Options, signal: AbortSignal): Promise<ContentReport> {
  const { resources, failures } = options.discovery
  const all = resources.filter(
    ({ namespaced, verbs }) => namespaced && verbs.includes('delete') && verbs.includes('list'),
  )
  const tally = {
    deletionErrors: [] as string[],
    remaining: new Map<string, number>(),
    finalizers: new Map<string, number>(),
  }
  const isPod = ({ group, plural }: DiscoveredResource): boolean => group === '' && plural === 'pods'
  const empty = async (some: readonly DiscoveredResource[]): Promise<void> =>
    await forEachLimited(some, parallelKinds, async (resource) => await removeKind(options, resource, tally, signal))
  await empty(all.filter(isPod))
  if (tally.remaining.size === 0) await empty(all.filter((resource) => !isPod(resource)))
  return { ...tally, discoveryErrors: failures.map(({ groupVersion, message }) => `${groupVersion}: ${message}`) }
}

type Tally = {
  readonly deletionErrors: string[]
  readonly remaining: Map<string, number>
  readonly finalizers: Map<string, number>
}

async function removeKind(
  { client, namespace }: Options,
  resource: DiscoveredResource,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  try {
    await removeAll(client, namespace, resource, signal)
    const { items } = await client.list(resource, { namespace }, signal)
    if (items.length === 0) return
    tally.remaining.set(groupResourceText(resource), items.length)
    for (const { metadata } of items) {
      for (const finalizer of metadata.finalizers ?? []) {
        tally.finalizers.set(finalizer, (tally.finalizers.get(finalizer) ?? 0) + 1)
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    // A kind that is gone by now, or was never really there, has no content.
    if (hasReason(error, 'NotFound') || hasReason(error, 'MethodNotAllowed')) return
    tally.deletionErrors.push(`unexpected error deleting ${groupResourceText(resource)}: ${messageOf(error)}`)
  }
}

async function removeAll(
  client: Client,
  namespace: string,
  resource: DiscoveredResource,
  signal: AbortSignal,
): Promise<void> {
  const propagationPolicy = 'Background'
  if (resource.verbs.includes('deletecollection')) {
    await client.deleteCollection(resource, { namespace }, { propagationPolicy }, signal)
    return
  }
  const { items } = await client.list(resource, { namespace }, signal)
  for (const { metadata } of items) {
    await client.delete(resource, { namespace, name: metadata.name }, { propagationPolicy }, signal)
  }
}
