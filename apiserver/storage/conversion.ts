/**
 * Views of entries whose versions a webhook converts. They are made before they are looked at, many at once, so that everything
 * else can go on reading entries synchronously.
 */
import type { ApiObject, Resource } from '../../api/resource.ts'
import type { CacheEntry } from './cache-entry.ts'

/** Source: upstream sends whole lists; this keeps a question within what a webhook takes. */
const mostAtOnce = 500

/** Makes the views that are missing. */
export async function prepareViews(resource: Resource, entries: readonly CacheEntry[]): Promise<void> {
  const { storedAs } = resource
  if (storedAs?.convert === undefined) return
  const missing = entries.filter((entry) => !entry.hasView(resource))
  const apiVersion = apiVersionOf(resource)
  for (let at = 0; at < missing.length; at += mostAtOnce) {
    const some = missing.slice(at, at + mostAtOnce)
    const converted = await convertAll(resource, some, apiVersion)
    for (const [index, entry] of some.entries()) {
      const object = converted[index]
      if (object !== undefined) entry.setView(resource, storedAs.fromStored(object))
    }
  }
}

/** Prepares what `list` returns, until it returns nothing new. */
export async function prepareList(resource: Resource, list: () => readonly CacheEntry[]): Promise<void> {
  if (resource.storedAs?.convert === undefined) return
  for (let entries = list(); entries.some((entry) => !entry.hasView(resource)); entries = list()) {
    await prepareViews(resource, entries)
  }
}

async function convertAll(
  { storedAs }: Resource,
  entries: readonly CacheEntry[],
  apiVersion: string,
): Promise<readonly ApiObject[]> {
  const objects = entries.map((entry) => entry.object)
  const others = objects.filter((object) => object.apiVersion !== apiVersion)
  const converted = others.length === 0 ? [] : ((await storedAs?.convert?.(others, apiVersion)) ?? [])
  const byOld = new Map(others.map((object, index) => [object, converted[index]]))
  return objects.map((object) => byOld.get(object) ?? object)
}

/** The object as it is to be stored. */
export async function toStoredVersion(resource: Resource, object: ApiObject): Promise<ApiObject> {
  const { storedAs } = resource
  if (storedAs === undefined) return object
  if (storedAs.convert === undefined) return storedAs.toStored(object)
  const { group, version } = storedAs.facts
  const apiVersion = `${group}/${version}`
  if (object.apiVersion === apiVersion) return object
  const [converted] = await storedAs.convert([object], apiVersion)
  return converted ?? object
}

function apiVersionOf({ facts: { group, version } }: Resource): string {
  return group === '' ? version : `${group}/${version}`
}
