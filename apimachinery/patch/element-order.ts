/**
 * The order of a list after a strategic merge. Items that the patch names take the patch's order; items that only the server
 * has keep their place among those that it knew. Source: KEP "strategic merge patch: preserve order".
 */
import { isJsonObject, type Json } from '../json.ts'

/** What makes two items of a list the same: the scalar itself, or the value of the merge key. */
export function identity(item: Json | undefined, key: string | undefined): Json | undefined {
  if (key === undefined) return item
  return isJsonObject(item) ? item[key] : undefined
}

/** Where each item stands; of items that are the same the first counts. */
export function positions(items: readonly Json[], key: string | undefined): ReadonlyMap<Json | undefined, number> {
  const places = new Map<Json | undefined, number>()
  items.forEach((item, index) => {
    const id = identity(item, key)
    if (id !== undefined && !places.has(id)) places.set(id, index)
  })
  return places
}

/** Splits items into those that `names` holds (by key, or as scalars) and the others. */
export function partition(
  items: readonly Json[],
  names: readonly Json[],
  key: string | undefined,
): { readonly named: readonly Json[]; readonly unnamed: readonly Json[] } {
  const places = positions(names, key)
  const named: Json[] = []
  const unnamed: Json[] = []
  for (const item of items) (places.has(identity(item, key)) ? named : unnamed).push(item)
  return { named, unnamed }
}

/** Brings `named` into the order of the patch and weaves `unnamed` in by the order the server had. */
export function orderLike(
  named: readonly Json[],
  unnamed: readonly Json[],
  patchOrder: readonly Json[],
  serverOrder: readonly Json[],
  key: string | undefined,
): readonly Json[] {
  const server = positions(serverOrder, key)
  const left = sortBy(unnamed, server, key)
  const right = sortBy(named, positions(patchOrder, key), key)
  const woven: Json[] = []
  let i = 0
  for (const item of right) {
    const place = server.get(identity(item, key)) ?? -1
    while (i < left.length && (server.get(identity(left[i], key)) ?? Number.MAX_SAFE_INTEGER) < place) {
      woven.push(left[i++] ?? null)
    }
    woven.push(item)
  }
  return [...woven, ...left.slice(i)]
}

function sortBy(
  items: readonly Json[],
  places: ReadonlyMap<Json | undefined, number>,
  key: string | undefined,
): readonly Json[] {
  return items.toSorted((a, b) => (places.get(identity(a, key)) ?? -1) - (places.get(identity(b, key)) ?? -1))
}
